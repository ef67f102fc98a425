"""When the breaker opens, probes and closes."""

from sync_platform.push.breaker import Breaker
from sync_platform.push.spec import BreakerSpec

SPEC = BreakerSpec(failures=3, probe_s=10, give_up_s=60)


def test_it_opens_when_so_many_customers_in_a_row_have_failed() -> None:
    breaker = Breaker(SPEC)
    assert [breaker.fail(now_s, f"c{now_s}", is_silent=False) for now_s in (1, 2, 3)] == [False, False, True]
    assert (breaker.is_open, breaker.probe_at_s, breaker.failing_since_s) == (True, 13, 1)


def test_one_customer_that_fails_on_every_try_does_not_open_it() -> None:
    breaker = Breaker(SPEC)
    assert not any(breaker.fail(now_s, "c1", is_silent=False) for now_s in range(9))


def test_connections_that_cannot_be_made_open_it_whoever_they_were_for() -> None:
    breaker = Breaker(SPEC)
    assert [breaker.fail(now_s, "c1", is_silent=True) for now_s in (1, 2, 3)] == [False, False, True]


def test_who_failed_before_others_were_delivered_does_not_count_any_more() -> None:
    breaker = Breaker(SPEC)
    for customer_id in ("c1", "c2", "c3", "c4"):
        breaker.fail(1, customer_id, is_silent=False)
        breaker.succeed()
    assert not any(breaker.fail(2, f"c{n}", is_silent=False) for n in (1, 2, 3, 4))


def test_a_failed_probe_puts_the_next_one_off_and_an_answer_closes_it() -> None:
    breaker = Breaker(SPEC)
    for now_s in (1, 2, 3):
        breaker.fail(now_s, f"c{now_s}", is_silent=False)
    assert breaker.fail(13, "c1", is_silent=False)
    assert breaker.probe_at_s == 23
    assert breaker.succeed()
    assert not breaker.succeed()
    assert (breaker.is_open, breaker.streak, breaker.failing_since_s) == (False, 0, None)


def test_who_failed_in_an_outage_is_no_suspect_after_it() -> None:
    breaker = Breaker(SPEC)
    for _ in range(2):
        opened = [breaker.fail(n, f"c{n}", is_silent=False) for n in (1, 2, 3)]
        assert opened == [False, False, True]
        breaker.succeed()


def test_waiting_for_a_limit_is_no_failure_but_counts_towards_giving_up() -> None:
    breaker = Breaker(SPEC)
    breaker.hold(5)
    breaker.hold(9)
    assert (breaker.is_open, breaker.failing_since_s) == (False, 5)
