"""How a sync's progress is shown in Dagster: few lines in the log, few observations on the asset.

Each is a row of the event log and costs some 3 to 10 ms, so a step has ten at most, and a short one, which
nobody could follow, fewer. A terminal listens to the engine itself and sees every batch.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from sync_platform.components.marks import HighestMark, mark_of
from sync_platform.pull.progress import ProgressEvent

_LEAST_GAP_S = 0.4


def describe(event: ProgressEvent) -> str:
    """Say in one line how far a step has come."""
    total = "?" if event.total_batches is None else str(event.total_batches)
    percent = "" if event.percent is None else f" ({event.percent:.0f} %)"
    last = ", the last one" if event.is_last else ""
    return (
        f"{event.step}: batch {event.batch_num} of {total}{percent}{last}; "
        f"{event.records} records, {event.pages} pages so far"
    )


@dataclass(slots=True)
class ProgressReporter:
    """Shows the progress of one run's steps.

    Attributes:
        source: whose events are meant; a process may run several syncs.
        log: tells a person one line.
        observe: posts an observation of the pages asset.
        now_s: the clock.
    """

    source: str
    log: Callable[[str], None]
    observe: Callable[[ProgressEvent], None]
    now_s: Callable[[], float] = time.monotonic
    _marks: defaultdict[str, HighestMark] = field(default_factory=lambda: defaultdict(HighestMark))
    _told_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._told_s = self.now_s()

    def __call__(self, event: ProgressEvent) -> None:
        """Log the event, and observe it if it is a read, when its step has reached a further mark."""
        now_s = self.now_s()
        is_early = now_s - self._told_s < _LEAST_GAP_S and not event.is_last
        if event.source != self.source or is_early:
            return
        mark = mark_of(percent=event.percent, count=event.batch_num, is_last=event.is_last)
        if not self._marks[event.step].is_passed_by(mark):
            return
        self._told_s = now_s
        self.log(describe(event))
        if event.step == "read":
            self.observe(event)
