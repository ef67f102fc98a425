"""The pure decisions of the face: what a launch asks for, what is shown, and how often."""

import itertools
from dataclasses import replace

import pytest

from sync_platform.components.api_push import report as reports
from sync_platform.components.api_push.config import PushConfig, SendChoice, run_config_of, spec_for
from sync_platform.components.api_push.names import PushNames
from sync_platform.components.api_push.progress import ProgressReporter, describe, duration
from sync_platform.components.marks import MOST_OBSERVATIONS
from sync_platform.push.account import Account
from sync_platform.push.progress import PushProgress
from sync_platform.push.reports import PushReport
from sync_platform.vocabulary import UsageError
from sync_platform_tests.unit.components.push.pushes import push_spec

NAMES = PushNames.of(push_spec(), "customer_push")
EVENT = PushProgress(
    target="customer_push", total=200, sent=50, failed=2, rate_per_s=0.25, left_s=592, is_last=False
)
REPORT = PushReport(
    push_id=1795230118343106980,
    status="completed_with_errors",
    account=Account(selected=10, delivered=8, dead=1, in_doubt=1),
    requests=14,
    after_each_pending=0,
    reason=None,
    duration_seconds=2.5,
    rate_per_s=3.2,
)


def test_a_launch_without_config_is_the_yaml() -> None:
    spec = push_spec()
    assert spec_for(spec, PushConfig()) is spec


def test_a_launch_says_limit_send_dry_run_and_pace_and_leaves_the_rest() -> None:
    config = PushConfig(limit=5, send=SendChoice.all, dry_run=True, max_requests_per_s=50)
    asked = spec_for(push_spec(), config)
    assert (asked.limit, asked.send, asked.dry_run) == (5, "all", True)
    assert (asked.pace.max_requests_per_s, asked.pace.wait_s) == (50, None)
    assert asked.request == push_spec().request
    assert asked.auth == push_spec().auth


def test_a_wait_of_0_is_unpaced_for_this_push_alone() -> None:
    assert spec_for(push_spec(), PushConfig(wait_s=0)).pace.wait_s == 0
    assert push_spec().pace.wait_s == 4


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (PushConfig(wait_s=1, max_requests_per_s=2), "pace: .*give one of them"),
        (PushConfig(limit=0), "limit: .*greater than or equal to 1"),
        (PushConfig(max_requests_per_s=0), "pace.max_requests_per_s: .*greater than 0"),
    ],
)
def test_a_launch_that_cannot_be_is_refused_by_name(config: PushConfig, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        spec_for(push_spec(), config)


def test_what_a_launch_does_not_say_stands_in_no_run_config() -> None:
    config = run_config_of(NAMES, PushConfig(limit=3))
    assert config == {"ops": {"customer_deliveries": {"config": {"limit": 3}}}}


def test_the_account_is_shown_as_numbers_and_whole() -> None:
    shown = {name: value.value for name, value in reports.push_metadata("a run", REPORT, []).items()}
    assert (shown["selected"], shown["delivered"], shown["dead"], shown["in_doubt"]) == (10, 8, 1, 1)
    assert shown["push_id"] == "1795230118343106980"
    assert "| **accounted for** | 10 of 10 |" in shown["account"]
    assert "undelivered" not in shown


@pytest.mark.parametrize(
    ("key", "shown"), [("c00007", "c00007"), ("42", "42"), ("jane@example.com", "j***m")]
)
def test_a_key_is_shown_unless_it_is_an_address(key: str, shown: str) -> None:
    row = {"customer_id": key, "status": "dead", "attempts": 4, "last_error": "status 500 | odd\nline"}
    assert reports.undelivered_table([row]).splitlines()[-1] == (
        f"| `{shown}` | dead | 4 | status 500 \\| odd line |"
    )


def test_an_account_that_does_not_add_up_fails_the_check() -> None:
    assert reports.balance_check(NAMES, REPORT).passed
    lost = reports.balance_check(NAMES, replace(REPORT, account=Account(selected=10, delivered=8)))
    assert not lost.passed
    assert lost.description == "10 customers selected, 8 accounted for"


@pytest.mark.parametrize("total", [0, 1, 3, 20, 1_000, 100_000])
def test_a_push_posts_at_most_10_observations_and_always_the_last(total: int) -> None:
    seen: list[PushProgress] = []
    lines: list[str] = []
    clock = itertools.count(step=15.0)
    reporter = ProgressReporter("customer_push", lines.append, seen.append, now_s=lambda: next(clock))
    for sent in range(total + 1):
        reporter(replace(EVENT, total=total, sent=sent, failed=0, is_last=sent == total))
    assert 1 <= len(seen) <= MOST_OBSERVATIONS
    assert seen[-1].is_last
    assert len(lines) >= len(seen)


def test_a_push_of_seconds_is_told_at_its_beginning_and_its_end() -> None:
    seen: list[PushProgress] = []
    reporter = ProgressReporter("customer_push", lambda _: None, seen.append, now_s=lambda: 0.0)
    for sent in range(201):
        reporter(replace(EVENT, total=200, sent=sent, failed=0, is_last=sent == 200))
    assert [event.sent for event in seen] == [0, 200]


def test_between_the_marks_there_is_a_line_a_minute() -> None:
    lines: list[str] = []
    clock = iter(range(0, 600, 10))
    reporter = ProgressReporter("customer_push", lines.append, lambda _: None, now_s=lambda: next(clock))
    for _ in range(60):
        reporter(EVENT)
    assert len(lines) == 10


def test_other_pushes_are_left_alone() -> None:
    lines: list[str] = []
    ProgressReporter("crm_push", lines.append, lambda _: None)(EVENT)
    assert lines == []


def test_a_line_says_sent_failed_rate_and_time_left() -> None:
    assert describe(EVENT) == "sent 50 of 200, 2 failed, 0.25 a second; 9 min left"
    assert describe(replace(EVENT, total=0)) == "there is nothing to send"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3600, "1 h 0 min"), (19_999, "5 h 33 min")],
)
def test_durations_are_told_as_a_person_does(seconds: float, said: str) -> None:
    assert duration(seconds) == said
