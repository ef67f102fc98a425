"""How a source writes its change time, read into UTC microseconds and written back into requests.

Reading is vectorised over a column; what the fast reading cannot read is tried value by value, and what
that cannot read either is null, for the caller to reject.
"""

from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
_ARROW_MICROSECONDS = pa.timestamp("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_EPOCH_US = -62_135_596_800_000_000  # year 1
_LAST_EPOCH_US = 253_402_300_799_999_999  # year 9999
_EPOCH_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


def read_times(values: pl.Series, time_format: str) -> pl.Series:
    """Read change times; a naive one is UTC; what is no time is null.

    Args:
        values: texts, or numbers under an epoch format (which may come as texts).
        time_format: `iso8601`, `epoch_s`, `epoch_ms` or a strptime pattern.

    Returns:
        A series of UTC microseconds, as long as `values`.
    """
    if time_format in _EPOCH_UNITS:
        return _read_epochs(values, _EPOCH_UNITS[time_format])
    if values.dtype != pl.String:  # numbers are dates only under an epoch format
        return pl.Series(values.name, [None] * len(values), dtype=UTC_MICROSECONDS)
    # Python writes parts of a second as .%f, polars' reader as %.f; YAML may say either.
    pattern = "%+" if time_format == "iso8601" else time_format.replace(".%f", "%.f")
    times = _in_years_1_to_9999(_read_texts(values, pattern))
    missed = times.is_null() & values.is_not_null()
    if time_format != "iso8601" or not missed.any():
        return times
    slow = values.filter(missed).unique()
    found = pl.Series([_read_one(text) for text in slow], dtype=UTC_MICROSECONDS)
    return times.fill_null(values.replace_strict(slow, found, default=None, return_dtype=UTC_MICROSECONDS))


def write_time(moment: datetime, time_format: str) -> str | int:
    """Write a time as the API wants it in a request."""
    moment = moment.astimezone(UTC)
    if time_format in _EPOCH_UNITS:
        return (moment - _EPOCH) // timedelta(microseconds=_EPOCH_UNITS[time_format])
    if time_format == "iso8601":
        precision = "microseconds" if moment.microsecond else "seconds"
        return moment.isoformat(timespec=precision).replace("+00:00", "Z")
    return moment.strftime(time_format.replace("%.f", ".%f"))


def _read_epochs(values: pl.Series, microseconds: int) -> pl.Series:
    """Numbers since 1970 within the years 1 to 9999; whole ones stay exact."""
    if values.dtype == pl.Boolean:
        return pl.Series(values.name, [None] * len(values), dtype=UTC_MICROSECONDS)
    kind = pl.Int64 if values.dtype.is_integer() else pl.Float64
    numbers = values.cast(kind, strict=False)
    first, last = _FIRST_EPOCH_US // microseconds, _LAST_EPOCH_US // microseconds
    inside = pl.select(pl.when(numbers.is_between(first, last)).then(numbers)).to_series()
    return (inside * microseconds).round(0).cast(pl.Int64).cast(UTC_MICROSECONDS)


def _in_years_1_to_9999(times: pl.Series) -> pl.Series:
    """Years that Python's times cannot hold, and no customer has, are no times."""
    is_inside = times.cast(pl.Int64).is_between(_FIRST_EPOCH_US, _LAST_EPOCH_US)
    return times if is_inside.all() else pl.select(pl.when(is_inside).then(times)).to_series()


def _read_texts(values: pl.Series, pattern: str) -> pl.Series:
    if pattern == "%+":
        try:  # four times as fast, but it wants all of them whole, zoned and with six digits at most
            times = values.to_arrow().cast(_ARROW_MICROSECONDS)
            return pl.Series(values.name, pl.from_arrow(times), dtype=UTC_MICROSECONDS)
        except pa.ArrowInvalid:
            pass  # the other way reads value by value
    has_zone = pattern == "%+" or "%z" in pattern or "%:z" in pattern or "%#z" in pattern
    if has_zone:
        return values.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)
    return values.str.to_datetime(pattern, time_unit="us", strict=False).dt.replace_time_zone("UTC")


def _read_one(text: str) -> datetime | None:
    """Any ISO 8601 that Python reads: dates, naive times, basic format, more than six digits."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
