"""What a sync asks the source for: the window, and the days that its result is labelled with.

Pure decisions on times; nothing here asks anybody. All times are aware and UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from sync_platform.pull.spec import IncrementalSpec
from sync_platform.pull.watermark import Position, Watermark, is_before
from sync_platform.vocabulary import UsageError

SyncType = Literal["incremental", "window", "full"]


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """What a person, a schedule or a backfill asked for.

    Attributes:
        sync_type: incremental from the watermark, a window of chosen days, or full.
        since: explicit start, inclusive; for `window` the start of the first day.
        until: explicit end, exclusive.
        days: first and last day of the partitions that a window covers, else None.
    """

    sync_type: SyncType = "incremental"
    since: datetime | None = None
    until: datetime | None = None
    days: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for and how the answer is labelled.

    Attributes:
        sync_type: the type that was really run (an incremental may become a full one).
        since: records changed at or after it (an integer where the source counts), or None for all.
        until: records changed before it, or None for no end.
        first_day: first partition day of the label, or None for unpartitioned sources.
        last_day: last partition day of the label.
        token: what the source handed over at the end of the sync before, or None.
    """

    sync_type: SyncType
    since: Position | None
    until: Position | None
    first_day: date | None
    last_day: date | None
    token: str | None = None

    def is_whole(self, incremental: IncrementalSpec | None) -> bool:
        """Whether it asks for everything that the source has, or all that it shows from its start."""
        from_start = (
            incremental.start if incremental is not None and incremental.full == "from_start" else None
        )
        return self.sync_type == "full" and self.until is None and self.since == from_start

    @property
    def may_move_watermark(self) -> bool:
        """Only what reads up to the present may: never a window."""
        return self.sync_type != "window"


def parse_time(text: str) -> datetime:
    """Read RFC 3339 or a bare date (00:00 UTC); naive means UTC.

    Raises:
        UsageError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"`{text}` is no time: write RFC 3339 (2026-01-31T12:00:00Z) or a date (2026-01-31, 00:00 UTC)"
        ) from None


def day_start(day: date) -> datetime:
    """The first moment of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def plan_window(
    order: SyncOrder,
    incremental: IncrementalSpec | None,
    *,
    watermark: Watermark | None,
    now: datetime,
    full_is_due: bool,
) -> Window:
    """Decide what to ask for (DESIGN 4.1).

    Raises:
        UsageError: a window was asked of a source without a change time, or it ends before it begins.
    """
    today = now.date()
    if incremental is None:
        if order.sync_type == "window" or order.since or order.until:
            raise UsageError(
                "this source has no `incremental` in its YAML: it is always read in full, without a window"
            )
        return Window("full", None, None, None, None)
    if incremental.token is not None:
        return _since_token(order, watermark, full_is_due=full_is_due)
    if not incremental.is_change_time:
        _require_no_days(order, incremental)
    label = today if incremental.is_change_time else None
    if order.sync_type == "window":
        return _that_has_a_length(_chosen_days(order, today))
    if order.sync_type == "full" or (full_is_due and order.since is None):
        since = incremental.start if incremental.full == "from_start" else None
        return _that_has_a_length(Window("full", order.since or since, order.until, label, label))
    since = order.since or _behind(watermark, incremental)
    return _that_has_a_length(Window("incremental", since, order.until, label, label))


def _since_token(order: SyncOrder, watermark: Watermark | None, *, full_is_due: bool) -> Window:
    """From the token on; without one, everything is read."""
    if order.sync_type == "window" or order.since or order.until:
        raise UsageError("this source is asked for changes by a token: it has no window, --since or --until")
    is_full = order.sync_type == "full" or full_is_due or not isinstance(watermark, str)
    token = None if is_full else str(watermark)
    return Window("full" if is_full else "incremental", None, None, None, None, token)


def _require_no_days(order: SyncOrder, incremental: IncrementalSpec) -> None:
    """Refuse a window of a source that cannot tell what changed when."""
    if order.sync_type == "window":
        raise UsageError("this source has no time of change in its YAML: it is synced incremental or full")
    if incremental.is_integer and (order.since or order.until):
        raise UsageError("this source counts its changes: it has no --since or --until, which are times")


def _behind(watermark: Watermark | None, incremental: IncrementalSpec) -> Position:
    """Where an incremental sync starts: the watermark (a time less the lag), or the source's start."""
    if isinstance(watermark, datetime):
        return watermark - timedelta(seconds=incremental.lag_s)
    return watermark if isinstance(watermark, int) else incremental.start


def _that_has_a_length(window: Window) -> Window:
    """Refuse what ends before it begins, whether somebody said so or it follows from the watermark."""
    if window.since is not None and window.until is not None and not is_before(window.since, window.until):
        raise UsageError(
            f"the window ends ({window.until}) before it begins ({window.since}): "
            "give a later --until, or an earlier --since"
        )
    return window


def _chosen_days(order: SyncOrder, today: date) -> Window:
    """A window of partitions, or of explicit times labelled with the days they touch."""
    if order.days is not None:
        first, last = order.days
        since, until = day_start(first), day_start(last + timedelta(days=1))
        return Window("window", order.since or since, order.until or until, first, last)
    if order.since is None:
        raise UsageError("a window needs its start: choose partitions, or give --since")
    until = order.until or day_start(today + timedelta(days=1))
    last = (until - timedelta(microseconds=1)).date()
    return Window("window", order.since, until, order.since.date(), last)
