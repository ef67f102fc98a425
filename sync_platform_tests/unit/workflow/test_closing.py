from datetime import UTC, datetime, timedelta

import pytest

from sync_platform.workflow.closing import MOST_DEATHS, Ending, next_attempt_at
from sync_platform.workflow.reports import MISSED
from sync_platform.workflow.spec import RescheduleSpec

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FAILED = Ending("failed", reason="why", step="a")
DEATH = Ending("failed", reason="gone", is_death=True)
AGAIN = RescheduleSpec(delay_s=60, attempts=2)


@pytest.mark.parametrize(
    ("ending", "reschedule", "failures", "after_s"),
    [
        (FAILED, None, 1, None),
        (FAILED, AGAIN, 1, 60),
        (FAILED, AGAIN, 2, None),
        (DEATH, AGAIN, 1, 60),
        (DEATH, AGAIN, 2, None),
        (DEATH, None, 1, 0),
        (DEATH, None, MOST_DEATHS - 1, 0),
        (DEATH, None, MOST_DEATHS, None),
        (Ending("failed", reason=MISSED), AGAIN, 1, None),
    ],
)
def test_when_a_failed_run_is_tried_again(
    ending: Ending, reschedule: RescheduleSpec | None, failures: int, after_s: float | None
) -> None:
    expected = None if after_s is None else NOW + timedelta(seconds=after_s)
    assert next_attempt_at(ending, reschedule, failures=failures, now=NOW) == expected
