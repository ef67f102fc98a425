"""`python -m sync_platform_tests.benchmarks`: what `make bench` runs.

Every repeat begins with an empty database and a fresh sandbox, on one embedded Postgres with fsync on. The
full measurement also writes `docs/benchmarks/README.md`; `--quick` only prints.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.benchmarks.figures import Measurement, machine, table
from sync_platform_tests.benchmarks.sync_run import SYNCS, differences, measure_limit, measure_syncs
from sync_platform_tests.postgres import NEWEST, TEMPLATE, embedded_server, fresh_database

_USERS, _QUICK_USERS = 100_000, 20_000
_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "README.md"
_EXPLANATION = """\
# Benchmarks

Written by `make bench`. Seconds and bytes depend on the machine: compare the ratios.

## {users:,} users, in pages of 100

{table}

- *First* and *unchanged* are whole runs of `users_sync_job` by `sync-platform sync users --type full`: the
  pages are read from the sandbox over loopback, landed, normalized, loaded and accounted for. Medians of
  {repeats}, each with an empty database and a fresh sandbox.
- *Inside* is the time from the run's start event to its end event. *Whole process* adds the start of Python,
  the loading of the definitions and, the first time, Dagster's own tables.
- The *limit* is what the database alone takes for the same rows when they are in memory already: COPY into a
  temporary table, dropping what is equal, one upsert. No source is read and nothing is checked, so no sync
  can reach it.
- *WAL* is all that the server wrote to its log meanwhile, Dagster's own events included.
- The two tables were compared after each repeat: they are equal, row by row.
- Sandbox, Postgres and run share the machine. `fsync` and `synchronous_commit` are on.

## Measured on

{machine}
"""


def main() -> int:
    """Measure, print the table, and write the page; exits with 1 where the tables differ."""
    parser = argparse.ArgumentParser(prog="python -m sync_platform_tests.benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_USERS:,} users, and write nothing")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling every module anew is not what is measured
    users = _QUICK_USERS if options.quick else _USERS
    with tempfile.TemporaryDirectory() as home, embedded_server(Path(home) / "server", NEWEST) as server:
        measured = [
            one
            for number in range(options.repeats)
            for one in _repeat(users, server, Path(home) / str(number))
        ]
        described = machine(_version(server))
    figures = table(measured, SYNCS)
    sys.stdout.write(f"{users:,} users in pages of 100\n\n{figures}\n\n{described}\n")
    if not options.quick:
        page = _EXPLANATION.format(users=users, repeats=options.repeats, table=figures, machine=described)
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(page, encoding="utf-8")
    return 0


def _repeat(users: int, server: DatabaseAddress, home: Path) -> list[Measurement]:
    with fresh_database(server, template=TEMPLATE) as address:
        measured = [*measure_syncs(users, address, home), *measure_limit(users, address)]
        if differing := differences(address):
            raise SystemExit(f"{differing} rows differ between what was synced and what the source holds")
        return measured


def _version(server: DatabaseAddress) -> str:
    with connect(server, autocommit=True) as connection:
        return f"{connection.info.server_version // 10_000}"


if __name__ == "__main__":
    sys.exit(main())
