"""Measures `sync-platform sync users`: a real Dagster run in a process of its own, from outside of it.

Here belong the copy of the checkout whose YAML is set up for a case, and reading off what a run cost.
"""

import compileall
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.benchmarks.database import one_value
from sync_platform_tests.benchmarks.figures import NOTHING_NEW, Sample
from sync_platform_tests.benchmarks.matrix import OURS_32, Case
from sync_platform_tests.benchmarks.people import changes_in
from sync_platform_tests.benchmarks.programs import Ended, ProgramFailedError, run_program

_ROOT = Path(__file__).parents[2]
_USERS_YAML = Path("sync_platform/defs/users_sync/defs.yaml")
_PAGE_SIZE_LINE = re.compile(r"^  page_size: .*$", re.MULTILINE)
_MANY_IN_FLIGHT = 32

_LATEST = "select run_id from dagster.runs order by id desc limit 1"
_TIMES = """
    select end_time - extract(epoch from create_timestamp at time zone 'UTC')::float8, end_time - start_time
    from dagster.runs order by id desc limit 1
"""
_EVENTS: LiteralString = f"select count(*) from dagster.event_logs where run_id = ({_LATEST})"  # noqa: S608 -- a constant
_STAGES: LiteralString = f"""
    select step_key, extract(epoch from max(timestamp) - min(timestamp))::float8
    from dagster.event_logs
    where run_id = ({_LATEST}) and dagster_event_type in ('STEP_START', 'STEP_SUCCESS')
    group by step_key order by min(timestamp)
"""  # noqa: S608 -- a constant


@dataclass(frozen=True, slots=True)
class OurSync:
    """Our sync of one case.

    Attributes:
        checkout: the copy that is run, from `copied_checkout`.
        address: the database, migrated.
        home: of this database's runs.
        url: of the source, before the world's name.
        case: what is measured.
    """

    checkout: Path
    address: DatabaseAddress
    home: Path
    url: str
    case: Case

    def run(self, scenario: str) -> Sample:
        """Sync once, and tell what it cost but for the log.

        Raises:
            ProgramFailedError: the sync failed, or its account is not what this scenario must give.
        """
        sync_type = "incremental" if scenario == NOTHING_NEW else "full"
        arguments = ("-m", "sync_platform.cli", "sync", "users", "--type", sync_type, "--json")
        ended = run_program((sys.executable, *arguments), self._variables(scenario), self.checkout)
        account = ended.said
        if account["status"] != "completed" or not (
            account["records_processed"] == self.case.users or scenario == NOTHING_NEW
        ):
            raise ProgramFailedError(f"{account['records_processed']} rows, {account['status']}")
        return self._sample(ended)

    def _variables(self, scenario: str) -> dict[str, str]:
        world = "after" if changes_in(self.case.users, scenario) else "before"
        return {
            "DATABASE_URL": self.address.uri(),
            "SYNC_PLATFORM_HOME": str(self.home),
            "EXTERNAL_API_URL": f"{self.url}/{world}/{self.case.latency_ms}",
            "EXTERNAL_API_TOKEN": "none-is-asked-for",
            "PYTHONPATH": str(self.checkout),
        }

    def _sample(self, ended: Ended) -> Sample:
        with connect(self.address, autocommit=True) as connection:
            ((launch_s, inside_s),) = connection.execute(_TIMES).fetchall()
            stages = connection.execute(_STAGES).fetchall()
        return Sample(
            work_s=launch_s,
            inside_s=inside_s,
            process_s=ended.process_s,
            peak_bytes=ended.peak_bytes,
            wal_bytes=0,
            events=int(one_value(self.address, _EVENTS)),
            pages=ended.said["pages"],
            stages=dict(stages),
        )


def copied_checkout(folder: Path, case: Case) -> Path:
    """Copy what runs, set up for a case as anybody would: by its YAML. A second call finds the first's copy.

    The copy also keeps a long measurement from seeing edits that are made meanwhile.
    """
    in_flight = _MANY_IN_FLIGHT if case.system == OURS_32 else None
    copy = folder / f"pages-of-{case.page_size}-in-flight-{in_flight or 'as-shipped'}"
    if not copy.exists():
        for name in ("sync_platform", "sql"):
            shutil.copytree(_ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        _set_up(copy / _USERS_YAML, case.page_size, in_flight)
        compileall.compile_dir(copy, quiet=1)
    return copy


def _set_up(yaml: Path, page_size: int, in_flight: int | None) -> None:
    lines = [f"  page_size: {page_size}"]
    if in_flight is not None:
        lines.append(f"  max_concurrent_pages: {in_flight}")
    text, replaced = _PAGE_SIZE_LINE.subn("\n".join(lines), yaml.read_text(encoding="utf-8"))
    if replaced != 1:
        raise SystemExit(f"{yaml.name} has {replaced} lines with a page size; the benchmark sets up one")
    yaml.write_text(text, encoding="utf-8")
