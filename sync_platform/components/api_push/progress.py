"""How a push's progress is shown: a line now and then in the log, few observations on the asset.

A push at the seed's pace may take hours, so lines are a minute apart between the marks; one that takes
seconds is told at its beginning and its end.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sync_platform.components.marks import HighestMark, mark_of
from sync_platform.push.progress import PushProgress

_LINE_EVERY_S = 60.0
_LEAST_GAP_S = 10.0
_MINUTE_S = 60
_HOUR_S = 3600


def percent_of(event: PushProgress) -> float | None:
    """Tell how much of a push is done; None where there was nothing to send."""
    return 100 * (event.sent + event.failed) / event.total if event.total else None


def describe(event: PushProgress) -> str:
    """Say in one line how far a push has come."""
    if not event.total:
        return "there is nothing to send"
    left = "" if event.left_s is None or event.is_last else f"; {duration(event.left_s)} left"
    return f"sent {event.sent} of {event.total}, {event.failed} failed, {event.rate_per_s:.3g} a second{left}"


def duration(seconds: float) -> str:
    """Write a time as a person says it: 45 s, 12 min, 5 h 33 min."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    hours, rest_s = divmod(round(seconds), _HOUR_S)
    minutes = rest_s // _MINUTE_S
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@dataclass(slots=True)
class ProgressReporter:
    """Shows the progress of one run's push.

    Attributes:
        target: whose events are meant; a process may run several pushes.
        log: tells a person one line.
        observe: posts an observation of the deliveries asset.
        now_s: the clock.
    """

    target: str
    log: Callable[[str], None]
    observe: Callable[[PushProgress], None]
    now_s: Callable[[], float] = time.monotonic
    _posted: HighestMark = field(default_factory=HighestMark)
    _line_s: float = float("-inf")

    def __call__(self, event: PushProgress) -> None:
        """Observe an event that reached a further mark; log it, or one a minute where marks are rare."""
        now_s = self.now_s()
        is_early = now_s - self._line_s < _LEAST_GAP_S and not event.is_last
        if event.target != self.target or is_early:
            return
        done = event.sent + event.failed
        mark = mark_of(percent=percent_of(event), count=max(1, done), is_last=event.is_last)
        is_further = self._posted.is_passed_by(mark)
        if is_further or now_s - self._line_s >= _LINE_EVERY_S:
            self._line_s = now_s
            self.log(describe(event))
        if is_further:
            self.observe(event)
