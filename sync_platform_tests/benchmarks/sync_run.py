"""Measures `sync-platform sync users`: a real Dagster run in a process of its own, from outside of it.

Here belong the sandbox's process, the run's process, and reading off what a run cost.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.benchmarks.figures import Measurement
from sync_platform_tests.benchmarks.load_limit import FIRST, TABLE, UNCHANGED

SYNCS = {"first full sync": FIRST, "full sync, unchanged": UNCHANGED}
"""What is measured, and the limit that each is held against."""

_SYNC = ("-m", "sync_platform.cli", "sync", "users", "--type", "full", "--json")
_DIFFERENCES = f"""
    with synced as (
        select external_id, email, name, status, metadata -> 'original_id', source_updated_at from users
    ), expected as (
        select external_id, email, name, status, metadata -> 'original_id', source_updated_at from {TABLE}
    )
    select count(*) from (
        (select * from synced except all select * from expected)
        union all (select * from expected except all select * from synced)
    ) as differences
"""  # noqa: S608 -- TABLE is a constant


@contextmanager
def sandbox(users: int) -> Iterator[dict[str, str]]:
    """Serve people who never change, in a process of its own; lends the variables that name it."""
    options = ("--users", str(users), "--static", "--port", "0")
    command = (sys.executable, "-m", "sync_platform.sandbox", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def measure_syncs(users: int, address: DatabaseAddress, home: Path) -> list[Measurement]:
    """Sync all people twice into an empty database."""
    with sandbox(users) as served:
        variables = {**served, "DATABASE_URL": address.uri(), "SYNC_PLATFORM_HOME": str(home)}
        return [_measure(name, users, address, variables) for name in SYNCS]


def measure_limit(users: int, address: DatabaseAddress) -> list[Measurement]:
    """Load the same rows plainly twice into an empty table."""
    program = ("-m", "sync_platform_tests.benchmarks.load_limit", "--users", str(users))
    measured, _ = _run(program, {"DATABASE_URL": address.uri()})
    return [
        Measurement(name, users, load["seconds"], None, None, load["wal_bytes"])
        for name, load in measured.items()
    ]


def differences(address: DatabaseAddress) -> int:
    """Count the rows in which what was synced and what the limit loaded differ."""
    return int(_one_value(address, _DIFFERENCES))


def _measure(name: str, users: int, address: DatabaseAddress, variables: Mapping[str, str]) -> Measurement:
    wal_before, began = _wal_bytes(address), time.perf_counter()
    account, peak_bytes = _run(_SYNC, variables)
    process_s = time.perf_counter() - began
    if account["records_processed"] != users or account["status"] != "completed":
        raise SystemExit(f"{name}: {account['records_processed']} of {users} rows, {account['status']}")
    return Measurement(
        name=name,
        users=users,
        inside_s=_inside_s(address),
        process_s=process_s,
        peak_bytes=peak_bytes,
        wal_bytes=_wal_bytes(address) - wal_before,
    )


def _run(program: tuple[str, ...], variables: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """Run Python, and return what its last line says and its peak memory."""
    environment = {**os.environ, **variables}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen((sys.executable, *program), stdout=said, stderr=told, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        told.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(program)} failed:\n{told.read()[-2000:]}")
        peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
        return json.loads(said.read().splitlines()[-1]), peak_bytes


def _inside_s(address: DatabaseAddress) -> float:
    """Seconds from the last run's start event to its end event."""
    latest = "select end_time - start_time from dagster.runs order by id desc limit 1"
    return float(_one_value(address, latest))


def _wal_bytes(address: DatabaseAddress) -> int:
    return int(_one_value(address, "select pg_current_wal_insert_lsn() - '0/0'"))


def _one_value(address: DatabaseAddress, text: str) -> Any:
    with connect(address, autocommit=True) as connection:
        (value,) = connection.execute(text).fetchone() or (None,)
    return value
