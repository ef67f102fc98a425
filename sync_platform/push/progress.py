"""Progress that a person watches: how many of a push's customers were sent, and how fast.

The engine posts events; the CLI's bar and the log listen. Nothing is decided by progress.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PushProgress:
    """How far a push has come.

    Attributes:
        target: the push's name.
        total: customers to send in this push.
        sent: delivered so far.
        failed: dead so far; what will be tried again is neither.
        rate_per_s: deliveries a second, over the last while.
        left_s: seconds left at this rate, or None while nothing is known.
        is_last: whether this is the push's last event.
    """

    target: str
    total: int
    sent: int
    failed: int
    rate_per_s: float
    left_s: float | None
    is_last: bool


Listener = Callable[[PushProgress], None]
_listeners: list[Listener] = []


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call `listener` with every event that a push in this process posts meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def post(event: PushProgress) -> None:
    """Tell every listener."""
    for listener in tuple(_listeners):
        listener(event)
