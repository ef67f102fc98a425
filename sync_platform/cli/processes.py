"""Child processes that end with their parent, whatever ends it: Ctrl-C, SIGTERM or kill -9.

Here belong starting and ending, for children that have children of their own. Each child leads a session, so
that Ctrl-C reaches the parent alone, and its descendants are found by their process group. A guard process
(`python -m sync_platform.cli.processes HOME`) sees its standard input end when the parent dies, and
cleans up.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from sync_platform.home.running import ProcessMark

PATIENCE_S = 5.0
"""How long children may take to end by themselves; with the kill after it, `up` ends within 10 s."""

_KILL_PATIENCE_S = 2.0
_POLL_S = 0.05


class Children:
    """The child processes of this one; leaving the context ends all of them, and their descendants.

    Args:
        home: the folder whose embedded Postgres the guard stops when nobody is left to use it.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._marks: list[ProcessMark] = []
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def marks(self) -> tuple[ProcessMark, ...]:
        """Every child that was started, living or not."""
        return tuple(self._marks)

    def __enter__(self) -> Self:
        self._guard = subprocess.Popen(
            (sys.executable, "-m", "sync_platform.cli.processes", str(self._home)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_groups(self._marks)
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.write(b"done\n")
            self._guard.stdin.close()
            self._guard.wait()

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a child in a session of its own; it reads nothing and inherits what is not said."""
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=None if environment is None else {**os.environ, **environment},
            start_new_session=True,
        )
        # One that ended at once is a zombie until it is waited for, so its start can still be read.
        mark = ProcessMark.of(child.pid)
        self._marks.append(mark)
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(BrokenPipeError):
                self._guard.stdin.write(mark.model_dump_json().encode() + b"\n")
                self._guard.stdin.flush()
        return child


def end_groups(marks: Iterable[ProcessMark], patience_s: float = PATIENCE_S) -> None:
    """End marked processes and their descendants: SIGTERM, patience, SIGKILL.

    Those already gone are no error. A group whose leader's number another process has now is left alone.

    Args:
        marks: leaders of process groups.
        patience_s: seconds between asking and killing.
    """
    ours = [mark for mark in marks if not _is_taken_over(mark)]
    strays = {child for mark in ours for child in _descendants(mark)}
    _ask([leader for mark in ours if (leader := mark.living()) is not None])
    deadline = time.monotonic() + patience_s
    are_orphans_asked = False
    while (members := _members(ours, strays)) and time.monotonic() < deadline:
        # Leaders end their own children; who is left when the last leader has gone is asked by nobody else.
        if not are_orphans_asked and not any(mark.living() for mark in ours):
            _ask(members)
            are_orphans_asked = True
        time.sleep(_POLL_S)
    for process in members:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + _KILL_PATIENCE_S
    while _members(ours, strays) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _ask(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()


def _is_taken_over(mark: ProcessMark) -> bool:
    return psutil.pid_exists(mark.pid) and not mark.is_same_process()


def _descendants(mark: ProcessMark) -> list[psutil.Process]:
    leader = mark.living()
    try:
        return [] if leader is None else leader.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _members(marks: Sequence[ProcessMark], strays: set[psutil.Process]) -> list[psutil.Process]:
    groups = {mark.pid for mark in marks}
    return [process for process in psutil.process_iter() if _lives_in(process, groups, strays)]


def _lives_in(process: psutil.Process, groups: set[int], strays: set[psutil.Process]) -> bool:
    try:
        is_ours = process in strays or os.getpgid(process.pid) in groups
        return is_ours and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def _guard(home: Path) -> None:
    """Read marks until the parent is gone; end what it left behind unless it said that nothing is."""
    marks = []
    for line in sys.stdin:
        if line.strip() == "done":
            return
        marks.append(ProcessMark.model_validate_json(line))
    end_groups(marks)
    # Imported now: the guard should weigh little as long as it only waits.
    from sync_platform.warehouse.embedded import EmbeddedPostgres  # noqa: PLC0415 - see above

    EmbeddedPostgres(home).stop()


if __name__ == "__main__":
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, signal.SIG_IGN)
    _guard(Path(sys.argv[1]))
