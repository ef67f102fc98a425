"""Measures the push: unpaced customers with the ledger, beside bare httpx posts of the same bodies.

`python -m sync_platform_tests.benchmarks.push` runs it alone and prints the table. Receiver, Postgres (fsync
on) and sender share the machine, each in a process of its own; every measurement has a fresh database.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.benchmarks.programs import run_program
from sync_platform_tests.benchmarks.push_receiver import receiver
from sync_platform_tests.postgres import NEWEST, TEMPLATE, embedded_server, fresh_database

CUSTOMERS = 10_000
IN_FLIGHT = (1, 8, 32)
MANY = 1_000_000
_SENDER = "sync_platform_tests.benchmarks.push_sender"
_COSTS = """
    select
        pg_current_wal_insert_lsn() - '0/0',
        (select xact_commit from pg_stat_database where datname = current_database())
"""
_FILL = """
    insert into users (external_id, email, name, status, updated_at, sync_id)
    select 'c' || lpad(n::text, 8, '0'), 'c' || n || '@example.com', 'Customer ' || n, 'active', now(), 1
    from generate_series(1, %s) as n
"""


@dataclass(frozen=True, slots=True)
class PushMeasurement:
    """One push, or one round of bare posts, measured once.

    Attributes:
        kind: ours or bare.
        customers: requests that were needed.
        in_flight: how many at the same time.
        seconds: from the plan to the closed books; of bare posts, from the first to the last.
        peak_bytes: most memory that the sending process held at once.
        wal_bytes: write-ahead log that the server wrote meanwhile.
        commits: transactions that it committed meanwhile.
    """

    kind: str
    customers: int
    in_flight: int
    seconds: float
    peak_bytes: int
    wal_bytes: int
    commits: int

    @property
    def rate_per_s(self) -> float:
        """Customers a second."""
        return self.customers / self.seconds


def measure(
    server: DatabaseAddress,
    *,
    customers: int = CUSTOMERS,
    in_flight: Sequence[int] = IN_FLIGHT,
    repeats: int = 3,
    many: int = 0,
) -> list[PushMeasurement]:
    """Push and post the same customers, in turns, so that what else the machine does meets both alike.

    Args:
        server: a Postgres with the tests' migrated template.
        customers: how many.
        in_flight: the concurrencies to measure.
        repeats: how often each.
        many: also push so many once, 32 in flight, to see whether memory stays flat; seven minutes a million.
    """
    measured = [
        measure_one(server, kind, customers, most)
        for _ in range(repeats)
        for most in in_flight
        for kind in ("bare", "ours")
    ]
    return [*measured, *([measure_one(server, "ours", many, IN_FLIGHT[-1])] if many else [])]


def measure_one(server: DatabaseAddress, kind: str, customers: int, in_flight: int) -> PushMeasurement:
    """Measure one push into a fresh receiver from a fresh database, and check that all arrived, once each.

    Raises:
        ProgramFailedError: the sender failed.
        SystemExit: the receiver does not have everybody once.
    """
    with fresh_database(server, template=TEMPLATE) as address, receiver() as url:
        with connect(address, autocommit=True) as connection:
            connection.execute(_FILL, [customers])
            connection.execute("vacuum analyze users")
        wal, commits = _costs(address)
        measured, peak_bytes = _send(kind, url, in_flight, address)
        wal_after, commits_after = _costs(address)
        taken = json.load(urllib.request.urlopen(url))  # noqa: S310 - our own receiver on loopback
    expected = {"requests": customers, "keys": customers if kind == "ours" else 0}
    if taken != expected or measured["delivered"] != customers:
        raise SystemExit(f"{kind}, {in_flight} in flight: the receiver has {taken}, not {expected}")
    return PushMeasurement(
        kind=kind,
        customers=customers,
        in_flight=in_flight,
        seconds=measured["seconds"],
        peak_bytes=peak_bytes,
        wal_bytes=wal_after - wal,
        commits=commits_after - commits,
    )


def push_table(measured: Sequence[PushMeasurement]) -> str:
    """Write the medians as a Markdown table."""
    header = (
        "customers",
        "in flight",
        "ours",
        "bare httpx",
        "ratio",
        "WAL an item",
        "commits an item",
        "peak",
    )
    lines = [header, tuple(["---:"] * len(header))]
    settings = dict.fromkeys((one.customers, one.in_flight) for one in measured)
    lines += [_row([one for one in measured if (one.customers, one.in_flight) == key]) for key in settings]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(own: Sequence[PushMeasurement]) -> tuple[str, ...]:
    ours = [one for one in own if one.kind == "ours"]
    bare = [one for one in own if one.kind == "bare"]
    rate = median(one.rate_per_s for one in ours)
    bare_rate = median(one.rate_per_s for one in bare) if bare else None
    customers = own[0].customers
    return (
        f"{customers:,}",
        f"{own[0].in_flight}",
        f"{rate:,.0f}/s",
        f"{bare_rate:,.0f}/s" if bare_rate else "",
        f"{rate / bare_rate:.2f}" if bare_rate else "",
        f"{median(one.wal_bytes for one in ours) / customers:,.0f} B",
        f"{median(one.commits for one in ours) / customers:.2f}",
        f"{median(one.peak_bytes for one in ours) / 1e6:.0f} MB",
    )


def _send(kind: str, url: str, in_flight: int, address: DatabaseAddress) -> tuple[dict[str, Any], int]:
    """Run a sender and return what it said, and its peak memory."""
    command = (sys.executable, "-m", _SENDER, kind, url, str(in_flight))
    ended = run_program(command, {"DATABASE_URL": address.uri()}, Path.cwd())
    return ended.said, ended.peak_bytes


def _costs(address: DatabaseAddress) -> tuple[int, int]:
    time.sleep(1.1)  # the server tells commits of ended sessions once a second
    with connect(address, autocommit=True) as connection:
        wal, commits = connection.execute(_COSTS).fetchone() or (0, 0)
        return int(wal), int(commits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m sync_platform_tests.benchmarks.push", description=__doc__
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--in-flight", type=int, nargs="+", default=list(IN_FLIGHT))
    parser.add_argument("--many", action="store_true", help=f"also {MANY:,} customers, once, 32 in flight")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling every module anew is not what is measured
    with tempfile.TemporaryDirectory() as home, embedded_server(Path(home) / "server", NEWEST) as server:
        with connect(server, autocommit=True) as connection:
            # The tests' server goes without.
            connection.execute("alter system reset fsync")
            connection.execute("select pg_reload_conf()")
        measured = measure(
            server,
            customers=options.customers,
            in_flight=options.in_flight,
            repeats=options.repeats,
            many=MANY if options.many else 0,
        )
    sys.stdout.write(f"{push_table(measured)}\n")


if __name__ == "__main__":
    main()
