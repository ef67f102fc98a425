"""What becomes of a queue entry that failed."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_platform.pull.retry import next_step

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "retry_after_s", "wait_s"),
    [
        (1, None, 60),
        (2, None, 120),
        (3, None, 240),
        (4, None, 480),
        (1, 3600, 3600),
        (4, 10, 480),
        (2, 0, 120),
    ],
)
def test_an_entry_waits_twice_as_long_each_time_and_at_least_as_long_as_it_was_told(
    attempts: int, retry_after_s: float | None, wait_s: float
) -> None:
    step = next_step(attempts=attempts, retry_after_s=retry_after_s, at=NOON)
    assert step == ("pending", NOON + timedelta(seconds=wait_s))


@pytest.mark.parametrize("attempts", [5, 6])
def test_an_entry_is_dead_after_five_attempts(attempts: int) -> None:
    assert next_step(attempts=attempts, retry_after_s=10, at=NOON) == ("dead", None)
