"""How much of a run's progress is kept on an asset: few observations, whatever the size of the run.

Here belongs the thinning. A run may post thousands of events, and each observation is a row of Dagster's
event log for ever, so a run keeps at most `MOST_OBSERVATIONS`.
"""

from dataclasses import dataclass

MOST_OBSERVATIONS = 10


def mark_of(*, percent: float | None, count: int, is_last: bool) -> int:
    """Tell which of the marks 1 to 10 an event has reached; 10 is the last event.

    Args:
        percent: 0 to 100, or None while the total is unknown; marks are 10 % apart then.
        count: how many are done; without a percentage a mark is four times the one before.
        is_last: whether nothing follows.
    """
    if is_last:
        return MOST_OBSERVATIONS
    reached = (count.bit_length() + 1) // 2 if percent is None else int(percent / 10)
    return max(1, min(reached, MOST_OBSERVATIONS - 1))


@dataclass(slots=True)
class HighestMark:
    """The furthest mark that a run has reached."""

    highest: int = 0

    def is_passed_by(self, mark: int) -> bool:
        """Say whether a mark is further than any before, and remember it."""
        is_further = mark > self.highest
        self.highest = max(self.highest, mark)
        return is_further
