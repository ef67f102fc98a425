"""Stopping: one word that ends a step or a run, given by a timer, a lost lease, or a person.

Here belongs the word and who hears it. Each kind of step says how it is cancelled.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """A reason to stop, set once and for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = threading.Event()
        self._reason: str | None = None
        self._hearers: list[Callable[[], object]] = []

    @property
    def reason(self) -> str | None:
        """Why to stop, or None."""
        return self._reason

    def set(self, reason: str) -> None:
        """Stop; the first reason stays."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            hearers = tuple(self._hearers)
        self._is_set.set()
        for hearer in hearers:
            hearer()

    def wait(self, seconds: float) -> bool:
        """Wait, at most so long; True when it was stopped meanwhile."""
        return self._is_set.wait(seconds)

    @contextmanager
    def heard_by(self, hearer: Callable[[], object]) -> Iterator[None]:
        """Call `hearer` when it is set, or at once where it is set already, during the block."""
        with self._lock:
            self._hearers.append(hearer)
            is_late = self._reason is not None
        if is_late:
            hearer()
        try:
            yield
        finally:
            with self._lock:
                self._hearers.remove(hearer)

    @contextmanager
    def within(self, seconds: float, reason: str) -> Iterator["Stop"]:
        """Lend a stop of its own, which is set with this one, or after some seconds with `reason`."""
        inner = Stop()
        timer = threading.Timer(seconds, inner.set, [reason])
        timer.daemon = True
        timer.start()
        try:
            with self.heard_by(lambda: inner.set(self._reason or reason)):
                yield inner
        finally:
            timer.cancel()
            timer.join()
