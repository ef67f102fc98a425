"""How much of a step's progress people are shown: every batch in the log, few observations on the asset.

Here belongs the thinning. A 1 M record sync has hundreds of batches, and each observation is a row of the
event log for ever, so a run posts at most `MOST_OBSERVATIONS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sync_platform.pull.progress import ProgressEvent

MOST_OBSERVATIONS = 20


def mark_of(event: ProgressEvent) -> int:
    """Tell which of the marks 1 to 20 an event has reached; 20 is the last batch.

    With a known total the marks are 5 % apart, else a mark is a doubling of the batches.
    """
    if event.is_last:
        return MOST_OBSERVATIONS
    reached = event.batch_num.bit_length() if event.percent is None else int(event.percent * 0.2)
    return max(1, min(reached, MOST_OBSERVATIONS - 1))


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
        highest_mark: the last mark that was posted.
    """

    source: str
    log: Callable[[str], None]
    observe: Callable[[ProgressEvent], None]
    highest_mark: int = 0

    def __call__(self, event: ProgressEvent) -> None:
        """Log the event, and observe it when it is a read that reached a further mark."""
        if event.source != self.source:
            return
        self.log(describe(event))
        mark = mark_of(event)
        if event.step == "read" and mark > self.highest_mark:
            self.highest_mark = mark
            self.observe(event)
