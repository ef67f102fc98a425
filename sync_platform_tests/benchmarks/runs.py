"""Measures cases: every repeat on an empty database, at rest before each sync, its table checked after it.

Here belong the order of things and what makes figures comparable; what a system is stands in its own module.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.benchmarks import load_limit, peer_runs
from sync_platform_tests.benchmarks.database import expected_fingerprint, fingerprint, settle, wal_bytes
from sync_platform_tests.benchmarks.figures import Cell, Measurement, Sample
from sync_platform_tests.benchmarks.matrix import DLT_PEERS, LIMIT, OURS, OURS_32, Case
from sync_platform_tests.benchmarks.peer_runs import PeerSync, peers_python
from sync_platform_tests.benchmarks.people import changes_in
from sync_platform_tests.benchmarks.programs import ProgramFailedError, serving
from sync_platform_tests.benchmarks.sync_run import OurSync, copied_checkout
from sync_platform_tests.postgres import TEMPLATE, fresh_database

Run = Callable[[str], Sample]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is measured.

    Attributes:
        server: the one Postgres.
        home: a folder for what the systems keep.
        failed: cases whose figures would mean nothing.
    """

    server: DatabaseAddress
    home: Path
    failed: set[Case] = field(default_factory=set)

    def measure(self, cases: Sequence[Case]) -> Iterator[tuple[Cell, Sample]]:
        """Measure all cases, repeat by repeat, so that a slow moment of the machine hits all systems alike.

        A system that fails is told and measured no further; the others go on.
        """
        pythons = {case.system: _python_of(case.system) for case in cases}
        for repeat in range(max((case.repeats for case in cases), default=0)):
            for wanted in _by_users(case for case in cases if repeat < case.repeats):
                yield from self._measure_size(wanted, self.home / f"repeat-{repeat}", pythons)

    def _measure_size(
        self, cases: Sequence[Case], folder: Path, pythons: Mapping[str, Path]
    ) -> Iterator[tuple[Cell, Sample]]:
        """Measure cases of one size once, on one source."""
        users = cases[0].users
        changes = max(changes_in(users, scenario) for case in cases for scenario in case.scenarios)
        with serving(users, changes) as url:
            for case in (one for one in cases if one not in self.failed):
                place = folder / f"{case.system}-{users}-{case.page_size}-{case.latency_ms}"
                try:
                    yield from self._measure_case(case, url, place, pythons[case.system])
                except ProgramFailedError as error:
                    self.failed.add(case)
                    sys.stderr.write(f"{case}: {error}\n")

    def _measure_case(self, case: Case, url: str, place: Path, python: Path) -> Iterator[tuple[Cell, Sample]]:
        with fresh_database(self.server, template=TEMPLATE) as address:
            run, table = self._system(case, address, url, place, python)
            for scenario in case.scenarios:
                settle(address)
                before = wal_bytes(address)
                sample = run(scenario)
                written = wal_bytes(address) - before
                changes = changes_in(case.users, scenario)
                if fingerprint(address, *table) != _expected(self.server, case.users, changes):
                    raise ProgramFailedError(f"{scenario}: the table is not what the source holds")
                cell = Cell(
                    system=case.system,
                    users=case.users,
                    page_size=case.page_size,
                    latency_ms=case.latency_ms,
                    scenario=scenario,
                )
                yield cell, sample.model_copy(update={"wal_bytes": written})

    def _system(
        self, case: Case, address: DatabaseAddress, url: str, place: Path, python: Path
    ) -> tuple[Run, tuple[str, ...]]:
        if case.system == LIMIT:
            return (lambda scenario: _limit(address, case.users, scenario)), (load_limit.TABLE,)
        if case.system in {OURS, OURS_32}:
            checkout = copied_checkout(self.home, case)
            return OurSync(checkout, address, place, url, case).run, ("users",)
        return PeerSync(python, address, place, url, case).run, peer_runs.TABLE


def collected(measured: Iterable[tuple[Cell, Sample]]) -> list[Measurement]:
    """Put the repeats of a cell together."""
    samples = defaultdict[Cell, list[Sample]](list)
    for cell, sample in measured:
        samples[cell].append(sample)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [Measurement(cell=cell, measured_at=now, samples=tuple(found)) for cell, found in samples.items()]


def _limit(address: DatabaseAddress, users: int, scenario: str) -> Sample:
    rows = load_limit.rows_in_memory(users, changes_in(users, scenario))
    return Sample(work_s=load_limit.load(address, rows), wal_bytes=0)


def _python_of(system: str) -> Path:
    """Name the Python that runs a system; the low-code loop needs nothing that is not in ours."""
    return peers_python() if system in DLT_PEERS else Path(sys.executable)


def _by_users(cases: Iterable[Case]) -> list[list[Case]]:
    found = defaultdict[int, list[Case]](list)
    for case in cases:
        found[case.users].append(case)
    return list(found.values())


@lru_cache
def _expected(server: DatabaseAddress, users: int, changes: int) -> str:
    return expected_fingerprint(server, users, changes)
