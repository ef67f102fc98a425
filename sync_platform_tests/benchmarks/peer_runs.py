"""Measures the peers: their environment, apart from ours, and one run of one of them.

Here belongs nothing of how a peer works: that stands in `peers/`, which the peers' own Python runs.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.benchmarks.database import located_uri
from sync_platform_tests.benchmarks.figures import Sample
from sync_platform_tests.benchmarks.matrix import DLT_PREFIX, ROW_LOOP, Case
from sync_platform_tests.benchmarks.people import changes_in
from sync_platform_tests.benchmarks.programs import run_program

PROGRAMS = Path(__file__).parent / "peers"
TABLE = ("peer", "users")
REQUIREMENTS = PROGRAMS / "requirements.txt"
_ENVIRONMENT = Path(__file__).parents[2] / ".uv" / "peers"
# Parallel fetching and normalizing as https://dlthub.com/docs/reference/performance tells; the files have to
# be small enough for two workers to share them.
_DLT_WORKERS = {
    "EXTRACT__WORKERS": "8",
    "NORMALIZE__WORKERS": "2",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "25000",
}
_DLT_QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}


def peers_python() -> Path:
    """Install what the peers need, at the versions and hashes that are written down, and return their Python.

    A rerun installs what has changed since.

    Raises:
        SystemExit: uv is missing, or the network.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv was not found: run `make bench`, or name it by UV=/path/to/uv")
    python = _ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run((uv, "venv", "--quiet", "--python", sys.executable, _ENVIRONMENT), check=True)
    install = (uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, REQUIREMENTS)
    if subprocess.run(install, check=False).returncode != 0:
        raise SystemExit("The peers could not be installed: check the network, or leave them out by --only")
    return python


@dataclass(frozen=True, slots=True)
class PeerSync:
    """A peer's sync of one case.

    Attributes:
        python: of the peers' environment.
        address: the database.
        home: of this database's runs; dlt keeps its state there.
        url: of the source, before the world's name.
        case: what is measured.
    """

    python: Path
    address: DatabaseAddress
    home: Path
    url: str
    case: Case

    def run(self, scenario: str) -> Sample:
        """Sync once, and tell what it cost but for the log.

        Raises:
            ProgramFailedError: the peer failed.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        ended = run_program((str(self.python), *self._program()), self._variables(scenario), self.home)
        return Sample(
            work_s=ended.said["seconds"],
            process_s=ended.process_s,
            peak_bytes=ended.peak_bytes,
            wal_bytes=0,
        )

    def _program(self) -> tuple[str, ...]:
        if self.case.system == ROW_LOOP:
            return (str(PROGRAMS / "row_loop.py"),)
        return str(PROGRAMS / "dlt_users.py"), self.case.system.removeprefix(DLT_PREFIX)

    def _variables(self, scenario: str) -> dict[str, str]:
        world = "after" if changes_in(self.case.users, scenario) else "before"
        workers = _DLT_WORKERS if self.case.system == "dlt-workers" else {}
        return {
            "DATABASE_URL": located_uri(self.address),
            "EXTERNAL_API_URL": f"{self.url}/{world}/{self.case.latency_ms}",
            "PAGE_SIZE": str(self.case.page_size),
            "DLT_DATA_DIR": str(self.home),
            **_DLT_QUIET,
            **workers,
        }
