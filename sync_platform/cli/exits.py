"""The exit codes of `sync-platform`, and which of several wins. Here belongs nothing else."""

from collections.abc import Iterable

COMPLETE = 0
FAILED = 1
USAGE = 2
UNFINISHED = 3
INTERRUPTED = 130

_MILDEST_FIRST = (COMPLETE, UNFINISHED, FAILED, USAGE)
_OF_STATUS = {
    "completed": COMPLETE,
    "completed_with_errors": UNFINISHED,
    "unproven": UNFINISHED,
    "incomplete": UNFINISHED,
}


def of_run(*, is_success: bool, statuses: Iterable[str]) -> int:
    """Tell the exit code of a run from whether its steps succeeded and how its syncs or pushes ended."""
    codes = [_OF_STATUS.get(status, FAILED) for status in statuses]
    return worst([*codes, COMPLETE if is_success else FAILED])


def worst(codes: Iterable[int]) -> int:
    """Choose the code that tells most: failed outweighs unfinished, and any unknown code is a failure."""
    known = (code if code in _MILDEST_FIRST else FAILED for code in codes)
    return max(known, key=_MILDEST_FIRST.index, default=COMPLETE)
