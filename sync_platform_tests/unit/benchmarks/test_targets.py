"""Verdicts on the targets, and what counts as a gross regression."""

import pytest

from sync_platform_tests.benchmarks.figures import FIRST, UNCHANGED, Cell, Measurement, Results, Sample
from sync_platform_tests.benchmarks.matrix import GUARD_USERS, LIMIT, MANY_USERS, ROW_LOOP
from sync_platform_tests.benchmarks.targets import GROSSLY, Verdict, gross_regressions, verdicts


def _results(users: int, **seconds: float) -> Results:
    return Results().merged(
        Measurement(
            cell=Cell(
                system=system.split("_")[0].replace("loop", ROW_LOOP),
                users=users,
                page_size=0 if system.startswith(LIMIT) else 100,
                latency_ms=0,
                scenario=UNCHANGED if system.endswith("_again") else FIRST,
            ),
            measured_at="2026-01-01T00:00:00+00:00",
            samples=(Sample(work_s=one, wal_bytes=1_000_000, peak_bytes=299_000_000),),
        )
        for system, one in seconds.items()
    )


def _guarded(**changed: float) -> Results:
    seconds = {"limit": 1.0, "limit_again": 1.0, "ours": 4.0, "ours_again": 3.0, "loop": 40.0}
    return _results(GUARD_USERS, **(seconds | changed))


def _verdict(results: Results, what: str) -> Verdict:
    return next(one for one in verdicts(results) if one.what.startswith(what))


@pytest.mark.parametrize(("ours", "is_met"), [(1.5, True), (1.6, True), (1.7, False)])
def test_a_sync_is_held_against_the_limit_of_the_same_size(ours: float, is_met: bool) -> None:
    verdict = _verdict(_results(MANY_USERS, limit=1.0, ours=ours), "first sync of 1 M users")

    assert verdict.measured == pytest.approx(ours)
    assert verdict.is_met is is_met


@pytest.mark.parametrize(("loop", "is_met"), [(24.0, False), (25.0, True), (31.0, True)])
def test_a_peer_has_to_be_slower_by_as_much(loop: float, is_met: bool) -> None:
    verdict = _verdict(_results(100_000, ours=1.0, loop=loop), "... than the low-code loop")

    assert verdict.is_met is is_met


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {(one.measured, one.is_met) for one in verdicts(Results())} == {(None, None)}


def test_peak_memory_is_told_in_megabytes() -> None:
    verdict = _verdict(_results(MANY_USERS, ours=1.0), "peak memory of the run's process")

    assert (verdict.measured, verdict.unit, verdict.is_met) == (299.0, "MB", True)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        # Everything twice as slow is another machine, not a regression.
        ({"limit": 2.0, "limit_again": 2.0, "ours": 8.0, "ours_again": 6.0, "loop": 80.0}, []),
        ({"ours_again": 3.0 * GROSSLY - 0.1}, []),
        (
            {"ours_again": 3.0 * GROSSLY + 0.1},
            ["unchanged sync to the limit: 9.10 times, published 3.00 times"],
        ),
        (
            {"ours": 4.0 * GROSSLY + 0.1},
            [
                "first sync to the limit: 12.10 times, published 4.00 times",
                "first sync to the low-code loop: 0.30 times, published 0.10 times",
            ],
        ),
    ],
)
def test_only_a_ratio_that_is_grossly_worse_is_a_regression(
    changed: dict[str, float], found: list[str]
) -> None:
    assert gross_regressions(_guarded(), _guarded(**changed)) == found


def test_a_ratio_that_cannot_be_compared_is_not_passed_over() -> None:
    nothing = Results()

    with pytest.raises(LookupError, match="not published"):
        gross_regressions(nothing, _guarded())
    with pytest.raises(LookupError, match="not measured"):
        gross_regressions(_guarded(), nothing)
