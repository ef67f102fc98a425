"""Programs that are measured from outside: running one, what it cost, and the source beside it.

Here belongs nothing that knows whose program it is.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_platform_tests.benchmarks.source_server import HOST

_LAUNCHER = Path(__file__).with_name("peak.py")
_TOLD_CHARACTERS = 2000


class ProgramFailedError(Exception):
    """A measured program did not end well; its figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that ended well.

    Attributes:
        said: the JSON object that is its last line of output.
        process_s: seconds from its start to its end.
        peak_bytes: most memory that it held.
    """

    said: dict[str, Any]
    process_s: float
    peak_bytes: int


def run_program(command: tuple[str, ...], variables: Mapping[str, str], folder: Path) -> Ended:
    """Run a program in a folder, with variables of its own over ours.

    Raises:
        ProgramFailedError: with the end of what it told.
    """
    with tempfile.TemporaryDirectory() as notes:
        cost, said, told = (Path(notes) / name for name in ("cost", "said", "told"))
        with said.open("wb") as output, told.open("wb") as errors:
            code = subprocess.run(
                (sys.executable, "-I", "-S", _LAUNCHER, cost, *command),
                stdout=output,
                stderr=errors,
                env={**os.environ, **variables},
                cwd=folder,
                check=False,
            ).returncode
        if code != 0:
            told_last = told.read_text(errors="replace")[-_TOLD_CHARACTERS:]
            raise ProgramFailedError(f"{' '.join(command)} exited with {code}:\n{told_last}")
        return Ended(json.loads(said.read_bytes().splitlines()[-1]), **json.loads(cost.read_bytes()))


@contextmanager
def serving(users: int, changes: int) -> Iterator[str]:
    """Serve people in a process of its own; lends the URL before the world's name."""
    options = ("--users", str(users), "--changes", str(changes))
    command = (sys.executable, "-m", "sync_platform_tests.benchmarks.source_server", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://{HOST}:{int(process.stdout.readline())}"
        finally:
            process.terminate()
