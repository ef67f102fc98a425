"""The pace's arithmetic, on a clock that the test turns."""

from itertools import pairwise
from statistics import median

import pytest

from sync_platform.push.pace import Pacer
from sync_platform.push.spec import PaceSpec

SEED = PaceSpec()
FIFTY = PaceSpec(max_requests_per_s=50)


def starts_of(pacer: Pacer, count: int, *, reply_s: float) -> list[float]:
    """Send one after the other, each answered after `reply_s`, and return when each started."""
    now_s, starts = 0.0, []
    for _ in range(count):
        now_s = max(now_s, pacer.next_start_s())
        starts.append(now_s)
        pacer.note_start(now_s)
        now_s += reply_s
        pacer.note_reply(now_s)
    return starts


@pytest.mark.parametrize(
    ("pace", "reply_s", "gap_s"),
    [
        (SEED, 0.0, 4.0),
        (SEED, 1.5, 5.5),
        (PaceSpec(wait_s=0.2), 0.05, 0.25),
        (FIFTY, 0.0, 0.02),
        (FIFTY, 0.015, 0.02),
        (FIFTY, 0.5, 0.5),
        (PaceSpec(wait_s=0), 0.0, 0.0),
    ],
)
def test_the_gap_is_what_the_yaml_says(pace: PaceSpec, reply_s: float, gap_s: float) -> None:
    starts = starts_of(Pacer(pace), 20, reply_s=reply_s)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert median(gaps) == pytest.approx(gap_s, rel=0.025)
    assert min(gaps) >= gap_s


def test_a_burst_starts_at_once_and_then_the_rate_holds() -> None:
    starts = starts_of(Pacer(PaceSpec(max_requests_per_s=10, burst=3)), 6, reply_s=0.0)
    assert starts == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3], abs=0.005)


def test_nothing_starts_before_the_wait_that_an_earlier_push_left() -> None:
    assert Pacer(SEED, not_before_s=2.5).next_start_s() == 2.5


def test_retry_after_stops_everybody_and_the_gap_then_melts_with_each_delivery() -> None:
    pacer = Pacer(PaceSpec(wait_s=0.1))
    pacer.note_start(10)
    pacer.slow_down(10, 30)
    assert pacer.next_start_s() == 40
    pacer.note_start(40)
    assert pacer.next_start_s() == pytest.approx(40.2)
    for _ in range(30):
        pacer.note_delivery()
    assert pacer.next_start_s() == pytest.approx(40.1, abs=0.001)


@pytest.mark.parametrize("pace", [PaceSpec(wait_s=0.1), PaceSpec(max_requests_per_s=10)])
def test_a_request_that_reaches_the_wire_late_puts_off_the_next_one(pace: PaceSpec) -> None:
    pacer = Pacer(pace)
    pacer.note_start(10)
    pacer.note_written(10.03)
    assert pacer.next_start_s() == pytest.approx(10.13, abs=0.0011)
    pacer.note_start(10.13)
    assert pacer.next_start_s() == pytest.approx(10.23, abs=0.0011)


def test_refusals_of_requests_already_under_way_slow_down_once() -> None:
    pacer = Pacer(PaceSpec(wait_s=0))
    pacer.note_start(10)
    for _ in range(8):
        pacer.slow_down(10, None)
    assert pacer.next_start_s() == pytest.approx(10.02)


@pytest.mark.parametrize(
    ("pace", "ahead", "hold_s"),
    [(SEED, 0, 3.0), (SEED, 1, 4.0), (FIFTY, 0, 0.0), (FIFTY, 5, 0.1), (PaceSpec(wait_s=0), 9, 0.0)],
)
def test_the_hold_covers_what_is_claimed_but_not_sent(pace: PaceSpec, ahead: int, hold_s: float) -> None:
    pacer = Pacer(pace)
    pacer.note_start(10)
    pacer.note_reply(10)
    assert pacer.hold_s(11, ahead=ahead) == pytest.approx(hold_s)


@pytest.mark.parametrize(
    ("pace", "size"),
    [(SEED, 1), (FIFTY, 12), (PaceSpec(max_requests_per_s=9999), 64), (PaceSpec(wait_s=0), 64)],
)
def test_intents_reach_a_quarter_of_a_second_ahead(pace: PaceSpec, size: int) -> None:
    assert Pacer(pace).claim_size(most=64) == size
