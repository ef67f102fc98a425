"""Cutting a window that is too large for one query into halves. Pure decisions on times and integers.

An API that lets one query reach only so many records (`pagination.max_records`) is asked for parts of the
window instead. Parts touch: where an API compares strictly, the record on the border would be lost, so the
later half looks back by the lag (an integer by 1); what it repeats is counted as a duplicate.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sync_platform.pull.requests import written
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.watermark import Position
from sync_platform.pull.window import Window

_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INTEGERS = 1024


def halves(spec: ApiSyncSpec, window: Window, *, now: datetime) -> tuple[Window, Window] | None:
    """Cut a window in two, or say None where its ends are too near to be told apart in a request.

    An open start or end stays open, so that nothing outside of what was assumed is lost.
    """
    middle, overlap_begins = _middle(spec, window, now)
    ends = [written(spec, end) for end in (window.since, window.until) if end is not None]
    if written(spec, middle) in ends or written(spec, overlap_begins) in ends:
        return None
    if window.until is None and isinstance(middle, datetime) and middle >= now:
        return None
    return replace(window, until=middle), replace(window, since=overlap_begins)


def _middle(spec: ApiSyncSpec, window: Window, now: datetime) -> tuple[Position, Position]:
    """The middle of a window, and where its second half begins."""
    lag = timedelta(seconds=spec.incremental.lag_s if spec.incremental else 0)
    if spec.incremental is not None and spec.incremental.is_integer:
        low = window.since if isinstance(window.since, int) else 0
        high = window.until if isinstance(window.until, int) else max(4 * low, 2 * _FIRST_INTEGERS)
        middle = low + (high - low) // 2
        return middle, middle - 1
    since = window.since if isinstance(window.since, datetime) else _FIRST_MOMENT
    until = window.until if isinstance(window.until, datetime) else now
    half = (until - since) / 2
    # Near the lag the halves would be nearly the same, and a moment with too many records cut for ever.
    overlap = lag if 2 * lag <= half else min(lag, half / 16)
    return since + half, since + half - overlap
