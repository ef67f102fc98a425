"""Blocking calls of the database drivers that a signal can end.

Python delivers a signal between two steps of its main thread, and a driver that waits for Postgres takes
none: a cancelled run would wait on, for a lock or a long load. Here belongs only that; who sends the signal,
and what is written then, is the caller's business.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

Answer = TypeVar("Answer")
_LOOK_EVERY_S = 0.1
_MOST_CANCELS = 50


def interruptible(call: Callable[[], Answer], cancel: Callable[[], object]) -> Answer:
    """Make a blocking call; where a signal handler raises meanwhile, cancel the call and let that pass.

    Only the main thread gets signals: there the call is made in another one, and waited for.

    Args:
        call: what blocks.
        cancel: makes it return soon; called from the main thread, again where it came too early.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    outcome: Future[Answer] = Future()
    is_given_up = threading.Event()
    thread = threading.Thread(target=_make, args=(call, outcome, is_given_up), name="database", daemon=True)
    try:
        thread.start()
        return outcome.result()
    except BaseException:
        is_given_up.set()
        for _ in range(_MOST_CANCELS):
            if outcome.done() or not thread.is_alive():
                break
            with suppress(Exception):  # what went on meanwhile matters more than why it cannot be cancelled
                cancel()
            thread.join(_LOOK_EVERY_S)
        raise


def _make(call: Callable[[], Answer], outcome: Future[Answer], is_given_up: threading.Event) -> None:
    if is_given_up.is_set():
        return
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 -- it is raised where the outcome is waited for
        outcome.set_exception(error)
