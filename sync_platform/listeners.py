"""Whoever watches a run of this process: engines post events, a progress bar and the log listen.

Nothing is decided by an event. What an event says is each engine's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Listeners(Generic[Event]):
    """Those who want to hear of one kind of event."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    @contextmanager
    def listen(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Call `listener` with every event that is posted in this process meanwhile."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def post(self, event: Event) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners):
            listener(event)
