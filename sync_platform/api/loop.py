"""An event loop that a signal can end at any moment.

A signal's handler raises wherever Python is just then, and asyncio swallows what is raised inside of a
transport or another callback: a cancelled run would go on. Here the signal cancels the work instead, and its
handler has its say when the loop is closed.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
_ENDING = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as `asyncio.run` does; SIGINT and SIGTERM cancel it, then do what they would have done.

    Signals that end the process by themselves, or are ignored, stay as they are; so does everything in a
    thread that gets no signals.

    Raises:
        BaseException: what the work raises, or the handler of the signal that came.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    received: list[signal.Signals] = []
    try:
        return asyncio.run(_cancelled_by_signals(work, received))
    finally:
        for number in received[:1]:
            handler = handlers[number]
            if callable(handler):
                handler(number, None)


async def _cancelled_by_signals(work: Coroutine[Any, Any, T], received: list[signal.Signals]) -> T:
    loop = asyncio.get_running_loop()

    def note(number: int, _: object) -> None:
        received.append(signal.Signals(number))
        loop.call_soon_threadsafe(_cancel_all)  # wakes a loop that waits for its sockets

    with _handled_by(note):
        return await work


def _cancel_all() -> None:
    """As `asyncio.run` does at its end: what the work has begun does not keep it waiting."""
    for task in asyncio.all_tasks():
        task.cancel()


@contextmanager
def _handled_by(note: Callable[[int, object], None]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _ENDING}
    taken = [number for number, handler in before.items() if callable(handler)]
    for number in taken:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
