"""What pace and breaker learn from outcomes together."""

import pytest

from sync_platform.push.outcome import Outcome
from sync_platform.push.pace import Pacer
from sync_platform.push.reception import Reception
from sync_platform.push.spec import BreakerSpec, PaceSpec

SPEC = BreakerSpec(failures=3, probe_s=10, give_up_s=60)
DELIVERED = Outcome("delivered", 201)
BROKEN = Outcome("retry", 500, "status 500", is_receiver_failing=True)


def reception(said: list[str], **pace: float) -> Reception:
    return Reception(SPEC, Pacer(PaceSpec.model_validate(pace or {"wait_s": 0})), said.append)


def test_after_a_failure_another_customer_is_asked_until_one_is_delivered_or_the_breaker_opens() -> None:
    known = reception([])
    assert not known.is_doubtful
    known.note("c1", BROKEN, 1)
    assert known.is_doubtful
    known.note("c2", DELIVERED, 2)
    assert not known.is_doubtful
    for number in (3, 4, 5):
        known.note(f"c{number}", BROKEN, number)
    assert (known.is_doubtful, known.is_open) == (False, True)


def test_opening_and_closing_are_told_once() -> None:
    said: list[str] = []
    known = reception(said)
    opened = [known.note(f"c{number}", BROKEN, number) for number in range(1, 6)]
    assert opened == [False, False, True, False, False]
    known.note("c9", DELIVERED, 20)
    assert len(said) == 2
    assert "3 customers in a row failed, last: status 500; waiting 10 s" in said[0]
    assert "answers again" in said[1]


def test_an_open_breaker_starts_nothing_before_its_probe_and_gives_up_in_the_end() -> None:
    known = reception([])
    assert known.gives_up_at_s == float("inf")
    for number in (1, 2, 3):
        known.note(f"c{number}", BROKEN, number)
    assert (known.start_s, known.gives_up_at_s) == (13, 61)
    assert "nothing for 60 s" in known.given_up
    assert "status 500" in known.given_up


@pytest.mark.parametrize(
    ("outcome", "start_s"),
    [
        (Outcome("slow_down", 429, "status 429", pause_s=30), 40),
        (Outcome("retry", 503, "status 503", pause_s=30, is_receiver_failing=True), 40),
        (Outcome("delivered", 201, pause_s=30), 40),
        (Outcome("slow_down", 429, "status 429"), 10.02),
        (DELIVERED, 10),
    ],
)
def test_what_the_receiver_asks_for_is_waited_for(outcome: Outcome, start_s: float) -> None:
    pacer = Pacer(PaceSpec(wait_s=0))
    known = Reception(SPEC, pacer, lambda _: None)
    pacer.note_start(10)
    known.note("c1", outcome, 10)
    assert known.start_s == pytest.approx(start_s)


def test_requests_go_out_as_fast_as_they_can_only_without_a_pace_and_without_doubt() -> None:
    assert reception([]).is_hurried
    assert not reception([], wait_s=4).is_hurried
    known = reception([])
    for number in (1, 2, 3):
        known.note(f"c{number}", BROKEN, number)
    assert not known.is_hurried
