from dataclasses import replace

import pytest

from sync_platform.components.api_sync.progress import ProgressReporter, describe
from sync_platform.components.marks import MOST_OBSERVATIONS, mark_of
from sync_platform.pull.progress import ProgressEvent

EVENT = ProgressEvent(
    source="users",
    step="read",
    batch_num=5,
    total_batches=20,
    percent=25.0,
    records=500,
    pages=5,
    is_last=False,
)


def batches(count: int, *, is_total_known: bool) -> list[ProgressEvent]:
    return [
        replace(
            EVENT,
            batch_num=number,
            total_batches=count if is_total_known else None,
            percent=100 * number / count if is_total_known else None,
            is_last=number == count,
        )
        for number in range(1, count + 1)
    ]


def observed(events: list[ProgressEvent]) -> list[ProgressEvent]:
    seen: list[ProgressEvent] = []
    reporter = ProgressReporter(source="users", log=lambda _: None, observe=seen.append)
    for event in events:
        reporter(event)
    return seen


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 1_000, 100_000])
@pytest.mark.parametrize("is_total_known", [True, False])
def test_a_run_posts_at_most_10_observations_and_always_the_last(count: int, *, is_total_known: bool) -> None:
    events = batches(count, is_total_known=is_total_known)
    seen = observed(events)
    assert 1 <= len(seen) <= MOST_OBSERVATIONS
    assert seen[-1] == events[-1]


@pytest.mark.parametrize("step", ["read", "normalize", "load"])
def test_the_lines_of_a_step_do_not_grow_with_the_sync(step: str) -> None:
    lines: list[str] = []
    reporter = ProgressReporter(source="users", log=lines.append, observe=lambda _: None)
    for event in batches(1_000, is_total_known=True):
        reporter(replace(event, step=step))
    assert len(lines) <= MOST_OBSERVATIONS
    assert "the last one" in lines[-1]


@pytest.mark.parametrize(
    ("batch_s", "told"),
    [(0.01, [10]), (0.15, [3, 6, 9, 10]), (0.5, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])],
)
def test_observations_have_a_gap_between_them_and_the_last_is_never_left_out(
    batch_s: float, told: list[int]
) -> None:
    clock = iter(number * batch_s for number in range(11))
    seen: list[ProgressEvent] = []
    reporter = ProgressReporter(
        source="users", log=lambda _: None, observe=seen.append, now_s=lambda: next(clock)
    )
    for event in batches(10, is_total_known=True):
        reporter(event)
    assert [event.batch_num for event in seen] == told


@pytest.mark.parametrize(
    ("percent", "batch_num", "mark"),
    [(0.0, 1, 1), (9.9, 1, 1), (50.0, 7, 5), (99.9, 9, 9), (None, 1, 1), (None, 16, 3), (None, 10**9, 9)],
)
def test_marks_follow_the_percentage_or_the_powers_of_four(
    percent: float | None, batch_num: int, mark: int
) -> None:
    assert mark_of(percent=percent, count=batch_num, is_last=False) == mark


def test_a_line_says_batch_total_percent_and_last() -> None:
    assert describe(EVENT) == "read: batch 5 of 20 (25 %); 500 records, 5 pages so far"
    last = replace(EVENT, total_batches=None, percent=None, is_last=True)
    assert describe(last) == "read: batch 5 of ?, the last one; 500 records, 5 pages so far"


def test_only_reading_is_observed_and_other_sources_are_left_alone() -> None:
    lines: list[str] = []
    seen: list[ProgressEvent] = []
    reporter = ProgressReporter(source="users", log=lines.append, observe=seen.append)
    reporter(replace(EVENT, step="load", is_last=True))
    reporter(replace(EVENT, source="orders", is_last=True))
    assert [line.split(":")[0] for line in lines] == ["load"]
    assert seen == []
