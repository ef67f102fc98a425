"""How sources write their change times: every format, read to UTC microseconds and written back."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from sync_platform.pull.times import UTC_MICROSECONDS, read_times, write_time

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def read(values: list[object], time_format: str = "iso8601") -> list[datetime | None]:
    times = read_times(pl.Series("time", values), time_format)
    assert times.dtype == UTC_MICROSECONDS
    return times.to_list()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01T12:00:00z", NOON),
        ("2024-05-01T14:00:00+02:00", NOON),
        ("2024-05-01 12:00:00+00:00", NOON),
        ("2024-05-01T12:00:00", NOON),
        ("2024-05-01T12:00", NOON),
        ("20240501T120000Z", NOON),
        ("2024-05-01", NOON.replace(hour=0)),
        (" 2024-05-01T12:00:00 ", NOON),
        ("2024-05-01T12:00:00.123456Z", NOON.replace(microsecond=123456)),
        ("2024-05-01T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_iso_8601_is_read_in_utc_and_a_naive_time_is_utc(text: str, time: datetime) -> None:
    assert read([text]) == [time]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "12:00",
        "2024-02-30T00:00:00Z",
        "2023-02-29",
        "2024-13-01",
        "2024-05-01T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "+10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "1714564800",
    ],
)
def test_what_is_no_time_between_year_1_and_9999_is_null(text: str) -> None:
    assert read([text]) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01T12:00:00.5Z",
        "2024-05-01 12:00:00Z",
        "2024-05-01T12Z",
        "2024-05-01T12:00:00+02",
        "2024-05-01T12:00:60Z",
        "1600-01-01T00:00:00-12:00",
        "0000-12-31T23:59:59-01:00",
    ],
)
def test_a_time_is_read_the_same_whatever_stands_beside_it(text: str) -> None:
    alone, beside = read([text]), read([text, "2024-05-01T12:00:00.123456789Z", "nonsense"])
    assert alone == beside[:1]


def test_one_bad_time_leaves_the_others_alone() -> None:
    assert read(["2024-05-01T12:00:00Z", "nonsense", None, "2024-05-01"]) == [
        NOON,
        None,
        None,
        NOON.replace(hour=0),
    ]


@pytest.mark.parametrize("values", [[1714564800], [1714564800.0], [True]])
def test_numbers_are_times_only_under_an_epoch_format(values: list[object]) -> None:
    assert read(values) == [None]


@pytest.mark.parametrize(
    ("values", "time_format", "times"),
    [
        (
            [1714564800, 0, -1],
            "epoch_s",
            [NOON, datetime(1970, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)],
        ),
        ([1714564800.25], "epoch_s", [NOON.replace(microsecond=250000)]),
        (["1714564800", "1714564800.5"], "epoch_s", [NOON, NOON.replace(microsecond=500000)]),
        ([1714564800123], "epoch_ms", [NOON.replace(microsecond=123000)]),
        ([253402300799], "epoch_s", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]),
        ([253402300800, -62135596801], "epoch_s", [None, None]),
        ([2**62], "epoch_ms", [None]),
        ([1e300, float("nan")], "epoch_s", [None, None]),
        (["soon", "", "nan", "inf"], "epoch_s", [None] * 4),
        ([True, False], "epoch_s", [None, None]),
    ],
)
def test_epochs_are_numbers_or_numeric_texts_within_the_calendar(
    values: list[object], time_format: str, times: list[datetime | None]
) -> None:
    assert read(values, time_format) == times


@pytest.mark.parametrize(
    ("text", "pattern", "time"),
    [
        ("01/05/2024 12:00", "%d/%m/%Y %H:%M", NOON),
        ("2024-05-01", "%Y-%m-%d", NOON.replace(hour=0)),
        ("2024-05-01 14:00:00 +0200", "%Y-%m-%d %H:%M:%S %z", NOON),
        ("2024-05-01 12:00:00.123", "%Y-%m-%d %H:%M:%S.%f", NOON.replace(microsecond=123000)),
        ("2024-05-01 12:00:00.123456", "%Y-%m-%d %H:%M:%S%.f", NOON.replace(microsecond=123456)),
        ("2024-05-01T12:00:00Z", "%Y-%m-%d", None),
        ("+10000-05-01", "%Y-%m-%d", None),
    ],
)
def test_a_strptime_pattern_is_read_as_it_says(text: str, pattern: str, time: datetime | None) -> None:
    assert read([text], pattern) == [time]


@pytest.mark.parametrize("time_format", ["iso8601", "epoch_s", "epoch_ms", "%Y-%m-%d"])
def test_a_column_of_nothing_is_a_column_of_nulls(time_format: str) -> None:
    assert read([], time_format) == []
    assert read([None, None], time_format) == [None, None]


@pytest.mark.parametrize(
    ("moment", "time_format", "written"),
    [
        (NOON, "iso8601", "2024-05-01T12:00:00Z"),
        (NOON.replace(microsecond=5), "iso8601", "2024-05-01T12:00:00.000005Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "iso8601", "2024-05-01T12:00:00Z"),
        (NOON, "epoch_s", 1714564800),
        (NOON.replace(microsecond=999999), "epoch_s", 1714564800),
        (NOON.replace(microsecond=1999), "epoch_ms", 1714564800001),
        (datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC), "epoch_s", -1),
        (NOON, "%d/%m/%Y %H:%M", "01/05/2024 12:00"),
        (NOON, "%Y-%m-%d %H:%M:%S%.f", "2024-05-01 12:00:00.000000"),
    ],
)
def test_a_time_is_written_as_the_api_wants_it_never_later_than_it_is(
    moment: datetime, time_format: str, written: str | int
) -> None:
    assert write_time(moment, time_format) == written
