"""How far the watermark moves: DESIGN 4.6 as a table."""

from datetime import UTC, datetime

import pytest

from sync_platform.pull.watermark import format_watermark, leaves_no_gap, next_watermark, parse_watermark

JANUARY, MARCH, APRIL, MAY = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 3, 4, 5))


@pytest.mark.parametrize(
    ("before", "is_proven", "source_clock_at", "newest_change_at", "after"),
    [
        (None, True, MAY, APRIL, APRIL),
        (None, True, APRIL, MAY, APRIL),
        (MARCH, True, MAY, APRIL, APRIL),
        (APRIL, True, MAY, MARCH, APRIL),
        (MAY, True, APRIL, MAY, MAY),
        (MARCH, False, MAY, APRIL, MARCH),
        (None, False, MAY, APRIL, None),
        (MARCH, True, MAY, None, MARCH),
        (None, True, MAY, None, None),
    ],
)
def test_the_watermark_moves_when_proven_forward_and_never_past_the_sources_clock(
    before: datetime | None,
    is_proven: bool,
    source_clock_at: datetime,
    newest_change_at: datetime | None,
    after: datetime | None,
) -> None:
    moved = next_watermark(
        before=before,
        is_proven=is_proven,
        source_clock_at=source_clock_at,
        newest_change_at=newest_change_at,
    )
    assert moved == after


@pytest.mark.parametrize(
    ("since", "before", "start", "is_joined"),
    [
        (None, MARCH, JANUARY, True),
        (MARCH, MARCH, JANUARY, True),
        (JANUARY, MARCH, JANUARY, True),
        (APRIL, MARCH, JANUARY, False),
        (JANUARY, None, JANUARY, True),
        (MARCH, None, JANUARY, False),
        (None, None, None, True),
        (5, 5, 0, True),
        (6, 5, 0, False),
    ],
)
def test_a_read_that_begins_behind_the_watermark_leaves_a_gap(
    since: datetime | int | None,
    before: datetime | int | None,
    start: datetime | int | None,
    is_joined: bool,
) -> None:
    assert leaves_no_gap(since=since, before=before, start=start) is is_joined


@pytest.mark.parametrize(
    "moment",
    [MAY, MAY.replace(microsecond=1), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)],
)
def test_a_watermark_is_read_as_it_was_written(moment: datetime) -> None:
    assert parse_watermark(format_watermark(moment)) == moment


def test_a_watermark_is_rfc_3339_in_utc_with_microseconds() -> None:
    assert format_watermark(MAY) == "2024-05-01T00:00:00.000000Z"


@pytest.mark.parametrize("text", ["2024-05-01T00:00:00Z", "2024-05-01", "2024-05-01T02:00:00+02:00"])
def test_a_watermark_that_a_person_has_written_is_read(text: str) -> None:
    assert parse_watermark(text) == MAY
