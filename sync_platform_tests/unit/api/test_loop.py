"""Signals end the work of an event loop wherever they come, also where asyncio would swallow them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from threading import Thread
from typing import Never

import pytest

from sync_platform.api.loop import run_interruptibly

ENDING = [signal.SIGINT, signal.SIGTERM]


class StoppedError(BaseException):
    """What a handler raises, such as Dagster's when a run is cancelled."""


def stop(number: int, _: object) -> Never:
    raise StoppedError(number)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.signal(number, stop) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


async def wait_for_ever_and(number: signal.Signals, ended: list[str]) -> None:
    asyncio.get_running_loop().call_soon(send, number)
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 10)
    finally:
        ended.append("ended")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_inside_of_a_callback_ends_the_work_and_then_its_handler_is_called(
    number: signal.Signals,
) -> None:
    ended: list[str] = []
    with pytest.raises(StoppedError, match=str(int(number))):
        run_interruptibly(wait_for_ever_and(number, ended))
    assert ended == ["ended"]
    assert [signal.getsignal(one) for one in ENDING] == [stop, stop]


def test_what_the_work_waits_for_at_its_end_is_cancelled_too() -> None:
    async def request() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 10)

    async def work() -> None:
        sending = asyncio.ensure_future(request())
        try:
            await wait_for_ever_and(signal.SIGTERM, [])
        finally:
            await sending

    with pytest.raises(StoppedError):
        run_interruptibly(work())


def test_work_that_ends_before_it_notices_does_not_hide_the_signal() -> None:
    async def work() -> str:
        send(signal.SIGTERM)
        return "done"

    with pytest.raises(StoppedError):
        run_interruptibly(work())


def test_without_a_signal_it_gives_what_the_work_gives() -> None:
    async def work() -> str:
        return "done"

    assert run_interruptibly(work()) == "done"

    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_interruptibly(fail())


def test_an_ignored_signal_stays_ignored() -> None:
    async def work() -> str:
        send(signal.SIGTERM)
        await asyncio.sleep(0)
        return "done"

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert run_interruptibly(work()) == "done"


def test_in_another_thread_it_is_a_loop_like_any_other() -> None:
    results: list[str] = []

    async def work() -> None:
        results.append("done")

    thread = Thread(target=lambda: run_interruptibly(work()))
    thread.start()
    thread.join()
    assert results == ["done"]
