"""Progress that a person watches: how many of a push's customers were sent, and how fast.

The engine posts events; the CLI's bar and the log listen. Nothing is decided by progress.
"""

from dataclasses import dataclass

from sync_platform.listeners import Listeners


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


_listeners: Listeners[PushProgress] = Listeners()
listen = _listeners.listen
post = _listeners.post
