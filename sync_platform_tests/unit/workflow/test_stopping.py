import threading

from sync_platform.workflow.stopping import Stop


def test_the_first_reason_stays_and_every_hearer_hears_once() -> None:
    stop, heard = Stop(), []
    with stop.heard_by(lambda: heard.append("a")), stop.heard_by(lambda: heard.append("b")):
        stop.set("first")
        stop.set("second")
    assert (stop.reason, heard) == ("first", ["a", "b"])


def test_who_listens_too_late_hears_at_once_and_who_has_left_hears_nothing() -> None:
    stop, heard = Stop(), []
    with stop.heard_by(lambda: heard.append("left")):
        pass
    stop.set("over")
    with stop.heard_by(lambda: heard.append("late")):
        assert heard == ["late"]


def test_an_inner_stop_is_set_by_its_time_or_by_the_outer_one_and_never_sets_the_outer_one() -> None:
    outer = Stop()
    with outer.within(0.01, "too long") as inner:
        assert inner.wait(10)
    assert (inner.reason, outer.reason) == ("too long", None)
    with outer.within(60, "too long") as inner:
        threading.Timer(0.01, outer.set, ["interrupted"]).start()
        assert inner.wait(10)
    assert inner.reason == "interrupted"


def test_a_block_that_ends_in_time_leaves_no_timer_behind() -> None:
    before = threading.active_count()
    for _ in range(20):
        with Stop().within(60, "too long") as inner:
            assert inner.reason is None
    assert threading.active_count() == before
