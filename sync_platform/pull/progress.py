"""Progress that a person watches: how far a step of a sync has come, batch by batch.

A batch is a landed block. The engine posts events; the CLI's bar and the log listen. Nothing is decided
by progress, so a listener that fails to keep up loses nothing but the show.
"""

from dataclasses import dataclass

from sync_platform.listeners import Listeners


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One batch was finished (seed 001: batchNum, totalBatches, progress, isLastBatch).

    Attributes:
        source: the noun of the sync.
        step: `read`, `normalize` or `load`.
        batch_num: number of the batch, starting at 1.
        total_batches: how many there will be, or None while the source did not say.
        percent: 0 to 100, or None while the total is unknown.
        records: records so far in this step.
        pages: pages so far in this step.
        is_last: whether this was the step's last batch.
    """

    source: str
    step: str
    batch_num: int
    total_batches: int | None
    percent: float | None
    records: int
    pages: int
    is_last: bool


_listeners: Listeners[ProgressEvent] = Listeners()
listen = _listeners.listen
post = _listeners.post
