"""How far a proven sync lets the watermark move, and how it is written. Pure decisions; `ledger` keeps it.

A watermark is a time, an integer where the source counts, or a token that the source handed over.
"""

from datetime import UTC, datetime
from typing import Literal

from sync_platform.pull.grammar import IncrementalSpec
from sync_platform.vocabulary import PermanentError

Position = datetime | int
"""A place in the order of changes: a time or an integer."""
Watermark = Position | str
"""A position, or a token."""
WatermarkKind = Literal["time", "integer", "token"]


def next_watermark(
    *, before: datetime | None, is_proven: bool, source_clock_at: datetime, newest_change_at: datetime | None
) -> datetime | None:
    """The watermark after a sync (DESIGN 4.6): only when proven, only forward.

    It is the earlier of the source's clock when the sync began and the newest change that was seen. The
    seed stores the time when the sync ended, which loses whatever changed while it ran.

    Args:
        before: the watermark so far, or None.
        is_proven: whether the sync is known to have read everything, and was no window.
        source_clock_at: the source's clock when the sync began.
        newest_change_at: the newest change time among the records read, or None when there were none.

    Returns:
        The new watermark, which is `before` when it must not move.
    """
    if not is_proven or newest_change_at is None:
        return before
    reached = min(source_clock_at, newest_change_at)
    return reached if before is None else max(before, reached)


def leaves_no_gap(*, since: Position | None, before: Position | None, start: Position | None) -> bool:
    """Whether a read from `since` joins on to what is read already.

    A `--since` behind the watermark leaves out what changed between them, and a watermark that moved over
    it would never look there again.

    Args:
        since: where the read began, or None for everything.
        before: the watermark so far, or None, which counts as the source's start.
        start: where the source's first sync begins, or None where it has no change time.
    """
    reached = start if before is None else before
    return since is None or reached is None or is_before(since, reached) or since == reached


def is_before(one: Position, other: Position) -> bool:
    """Whether one position comes before another; a time and an integer have no order."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    return isinstance(one, int) and isinstance(other, int) and one < other


def later(one: Position | None, other: Position | None) -> Position | None:
    """The later of two positions, where there are two."""
    if one is None or other is None:
        return other if one is None else one
    return other if is_before(one, other) else one


def moved(
    before: Watermark | None,
    *,
    is_proven: bool,
    source_clock_at: datetime,
    newest: Position | None,
    token: str | None,
) -> Watermark | None:
    """The watermark of any kind after a sync; `before` where it must not move.

    A time moves as `next_watermark` says, an integer to the newest that was seen and only forward. A token
    has no order: each proven sync replaces it with the one that the source handed over last.
    """
    if not is_proven:
        return before
    if token is not None:
        return token
    if isinstance(newest, datetime):
        time_before = before if isinstance(before, datetime) else None
        return next_watermark(
            before=time_before, is_proven=True, source_clock_at=source_clock_at, newest_change_at=newest
        )
    if isinstance(newest, int):
        return max(before, newest) if isinstance(before, int) else newest
    return before


def kind_of(watermark: Watermark) -> WatermarkKind:
    """Tell how watermarks of this kind are ordered."""
    if isinstance(watermark, datetime):
        return "time"
    return "integer" if isinstance(watermark, int) else "token"


def format_watermark(watermark: Watermark) -> str:
    """How `sync_metadata` holds it: RFC 3339, UTC, microseconds; or the integer; or the token as it is."""
    if isinstance(watermark, datetime):
        return watermark.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(watermark)


def parse_watermark(text: str | None) -> datetime | None:
    """The reverse of `format_watermark` for times; accepts any RFC 3339, as a person may have edited it.

    Raises:
        PermanentError: it is no time.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PermanentError(
            "the watermark in sync_metadata is no RFC 3339 time: correct its value, or delete its row to "
            "begin at the source's start"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def watermark_of(incremental: IncrementalSpec | None, text: str | None) -> Watermark | None:
    """Read what `sync_metadata` holds for a source, as its YAML means it.

    Raises:
        PermanentError: it is of another kind, because somebody edited it or the YAML changed.
    """
    if not text or incremental is None:
        return None
    if incremental.token is not None:
        return text
    if not incremental.is_integer:
        return parse_watermark(text)
    try:
        return int(text)
    except ValueError:
        raise PermanentError(
            "the watermark in sync_metadata is no integer: correct its value, or delete its row to begin at "
            "the source's start"
        ) from None
