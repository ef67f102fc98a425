"""A blocking call and a signal: the call is cancelled, and what the handler raised is what comes out."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from sync_platform.warehouse.interrupts import interruptible


class InterruptedHereError(BaseException):
    """What a handler of somebody else's raises; no KeyboardInterrupt, as Dagster's is none."""


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    def interrupt(_: int, __: object) -> None:
        raise InterruptedHereError

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, before)


def nothing() -> None:
    pass


def test_a_signal_cancels_the_call_and_passes() -> None:
    is_cancelled = threading.Event()

    def block() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert is_cancelled.wait(10)

    with pytest.raises(InterruptedHereError):
        interruptible(block, is_cancelled.set)
    assert is_cancelled.is_set()


def test_without_a_signal_the_answer_comes_and_nothing_is_cancelled() -> None:
    cancelled: list[None] = []
    assert interruptible(lambda: 7, lambda: cancelled.append(None)) == 7
    assert cancelled == []


def test_what_the_call_raises_is_raised_and_nothing_is_cancelled() -> None:
    cancelled: list[None] = []

    def fail() -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        interruptible(fail, lambda: cancelled.append(None))
    assert cancelled == []


def test_a_thread_that_gets_no_signals_makes_the_call_itself() -> None:
    made_by: list[threading.Thread] = []
    thread = threading.Thread(
        target=lambda: interruptible(lambda: made_by.append(threading.current_thread()), nothing)
    )
    thread.start()
    thread.join(10)
    assert made_by == [thread]
