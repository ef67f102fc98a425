"""What the figures must reach, and what counts as a gross regression.

Pure: results in, verdicts out. Targets are published, met or not; only a gross regression of a ratio fails
CI, because seconds and bytes are the machine's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from sync_platform_tests.benchmarks import startup
from sync_platform_tests.benchmarks.figures import FIRST, NOTHING_NEW, UNCHANGED, Cell, Results, Sample
from sync_platform_tests.benchmarks.matrix import (
    CURVE_USERS,
    GUARD_USERS,
    LATE_MS,
    LIMIT,
    MANY_USERS,
    OURS,
    OURS_32,
    PAGE,
    PEER_USERS,
    ROW_LOOP,
)

GROSSLY = 3.0
"""A ratio that is so many times worse than the published one is a regression on any machine."""
_MOST = CURVE_USERS[-1]
_PUSH_IN_FLIGHT = 32
_READ_STEP = "external_users_pages"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was measured.

    Attributes:
        what: the target, in words.
        wanted: the bound.
        aim: the better value that is aimed for, if there is one.
        measured: in the bound's unit; None where it was not measured.
        unit: written behind the numbers.
        is_most: the bound is a maximum, not a minimum.
    """

    what: str
    wanted: float
    aim: float | None
    measured: float | None
    unit: str
    is_most: bool

    @property
    def is_met(self) -> bool | None:
        """Whether the bound is kept; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured <= self.wanted if self.is_most else self.measured >= self.wanted


def verdicts(results: Results) -> list[Verdict]:
    """Hold the results against the targets."""
    many = MANY_USERS
    late = Cell(system=OURS_32, users=many, page_size=PAGE, latency_ms=LATE_MS, scenario=FIRST)

    def at_most(
        what: str, wanted: float, measured: float | None, unit: str, aim: float | None = None
    ) -> Verdict:
        return Verdict(what, wanted, aim, measured, unit, is_most=True)

    def at_least(
        what: str, wanted: float, measured: float | None, unit: str, aim: float | None = None
    ) -> Verdict:
        return Verdict(what, wanted, aim, measured, unit, is_most=False)

    def figure(cell: Cell, value: Callable[[Sample], float | None]) -> float | None:
        found = results.find(cell)
        return found.median(value) if found else None

    def to_peer(system: str) -> float | None:
        return _over(results.work_s(_cell(FIRST, system)), results.work_s(_cell(FIRST)))

    peak = figure(_cell(FIRST, users=many), _peak_mb)
    return [
        at_most("first sync of 1 M users, to the limit", 1.6, _to_limit(results, FIRST, many), "x", 1.25),
        at_most(
            "unchanged sync of 1 M users, to the limit", 1.6, _to_limit(results, UNCHANGED, many), "x", 1.25
        ),
        at_least("first sync of 100 k users, faster than dlt default", 5, to_peer("dlt-default"), "x", 8),
        at_least("... than dlt with an Arrow resource", 1.7, to_peer("dlt-arrow"), "x", 2.5),
        at_least("... than the low-code loop", 25, to_peer(ROW_LOOP), "x", 30),
        at_most(
            "log written by an unchanged sync of 1 M users",
            1,
            figure(_cell(UNCHANGED, users=many), _wal_mb),
            "MB",
        ),
        at_most("peak memory of the run's process, 1 M users", 300, peak, "MB"),
        at_most(
            "peak memory at 5 M users, to that",
            1.15,
            _over(figure(_cell(FIRST, users=_MOST), _peak_mb), peak),
            "x",
        ),
        at_most("time a row at 5 M users, to 1 M", 1.15, _row_growth(results), "x"),
        at_least("pages fetched, 20 ms late, 32 in flight", 900, figure(late, _pages_per_s), "pages/s"),
        at_most(
            "run that finds nothing new, start to end event", 2, figure(_cell(NOTHING_NEW), _inside_s), "s"
        ),
        at_most(
            "import of the definitions, to `import dagster`",
            2,
            _over(results.import_s.get(startup.OURS), results.import_s.get(startup.DAGSTER)),
            "x",
        ),
        at_least("push at 32 in flight, to bare httpx", 0.5, _push_ratio(results), "x"),
        at_most("Dagster's events at 5 M users, to 1 M", 1.05, _events_growth(results), "x"),
    ]


def gross_regressions(published: Results, now: Results) -> list[str]:
    """Name the ratios that are GROSSLY worse than the published ones.

    Raises:
        LookupError: a ratio was not published or not measured; nothing is guarded silently.
    """
    found = []
    for what, ratio in _guarded().items():
        before, after = ratio(published), ratio(now)
        if before is None or after is None:
            raise LookupError(f"{what}: {'not published' if before is None else 'not measured'}")
        if after > before * GROSSLY:
            found.append(f"{what}: {after:.2f} times, published {before:.2f} times")
    return found


def _guarded() -> dict[str, Callable[[Results], float | None]]:
    ours, loop = (_cell(FIRST, system, GUARD_USERS) for system in (OURS, ROW_LOOP))
    return {
        "first sync to the limit": lambda results: _to_limit(results, FIRST, GUARD_USERS),
        "unchanged sync to the limit": lambda results: _to_limit(results, UNCHANGED, GUARD_USERS),
        "first sync to the low-code loop": lambda results: _over(results.work_s(ours), results.work_s(loop)),
    }


def _cell(scenario: str, system: str = OURS, users: int = PEER_USERS) -> Cell:
    page_size = 0 if system == LIMIT else PAGE
    return Cell(system=system, users=users, page_size=page_size, latency_ms=0, scenario=scenario)


def _to_limit(results: Results, scenario: str, users: int) -> float | None:
    ours, limit = (results.work_s(_cell(scenario, system, users)) for system in (OURS, LIMIT))
    return _over(ours, limit)


def _events_growth(results: Results) -> float | None:
    few, many = (results.find(_cell(FIRST, users=users)) for users in (MANY_USERS, _MOST))
    if few is None or many is None:
        return None
    return _over(many.median(_events), few.median(_events))


def _row_growth(results: Results) -> float | None:
    growth = _over(*(results.work_s(_cell(FIRST, users=users)) for users in (_MOST, MANY_USERS)))
    return _over(growth, _MOST / MANY_USERS)


def _push_ratio(results: Results) -> float | None:
    rates = {
        kind: [one.rate_per_s for one in results.push if (one.kind, one.in_flight) == (kind, _PUSH_IN_FLIGHT)]
        for kind in ("ours", "bare")
    }
    return median(rates["ours"]) / median(rates["bare"]) if all(rates.values()) else None


def _over(upper: float | None, lower: float | None) -> float | None:
    return None if upper is None or not lower else upper / lower


def _events(sample: Sample) -> float | None:
    return sample.events


def _inside_s(sample: Sample) -> float | None:
    return sample.inside_s


def _peak_mb(sample: Sample) -> float | None:
    return None if sample.peak_bytes is None else sample.peak_bytes / 1e6


def _pages_per_s(sample: Sample) -> float | None:
    return _over(sample.pages, sample.stages.get(_READ_STEP))


def _wal_mb(sample: Sample) -> float:
    return sample.wal_bytes / 1e6
