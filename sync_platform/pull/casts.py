"""From what a column's SQL gives to the column's type, strictly: what does not fit becomes null, alone.

The caller compares nulls before and after and rejects those records. Nothing is rounded, cut or guessed:
1.5 is no bigint, 1 is no date, "yes" is no boolean.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import polars as pl

from sync_platform.pull.spec import ColumnType
from sync_platform.pull.times import UTC_MICROSECONDS, read_times

_DECIMAL = pl.Decimal(38, 9)
_WHOLE_DIGITS = 29
_DECIMAL_PLACES = 9
_PLAIN_DECIMAL = rf"^-?\d{{1,{_WHOLE_DIGITS}}}(\.\d{{1,{_DECIMAL_PLACES}}})?$"


def cast_values(values: pl.Series, kind: ColumnType, time_format: str) -> pl.Series:
    """Cast a column's values to its type, in the polars type that is loaded; null is what does not fit.

    Args:
        values: any scalars.
        kind: the column's type; jsonb stays text, which Postgres reads.
        time_format: how a timestamptz or date is written, see `times.read_times`.
    """
    if kind in _CASTS:
        return _CASTS[kind](values)
    if kind == "date":
        return values if values.dtype == pl.Date else _moments(values, time_format).dt.date()
    return _moments(values, time_format)


def _nothing(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(values.name, [None] * len(values), dtype=dtype)


def _where(is_kept: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(is_kept).then(values)).to_series()


def _whole_numbers(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return _nothing(values, pl.Int64())
    numbers = values.cast(pl.Int64, strict=False)
    return _where(numbers == values, numbers) if values.dtype.is_float() else numbers


def _finite_numbers(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return _nothing(values, pl.Float64())
    numbers = values.cast(pl.Float64, strict=False)
    return _where(numbers.is_finite(), numbers)


def _decimals(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return _nothing(values, _DECIMAL)
    texts = values.cast(pl.String)
    is_plain = texts.str.contains(_PLAIN_DECIMAL)
    numbers = _where(is_plain, texts).cast(_DECIMAL, strict=False)
    if is_plain.all():
        return numbers
    others = texts.filter(~is_plain).unique()
    found = pl.Series([_one_decimal(text) for text in others], dtype=_DECIMAL)
    return numbers.fill_null(texts.replace_strict(others, found, default=None, return_dtype=_DECIMAL))


def _one_decimal(text: str) -> Decimal | None:
    """A number in any notation, where it is exact in the column's 29 whole digits and 9 places."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() >= _WHOLE_DIGITS:
        return None
    exponent = number.normalize().as_tuple().exponent
    return number if isinstance(exponent, int) and exponent >= -_DECIMAL_PLACES else None


def _booleans(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values
    words = values.cast(pl.String)
    pairs = {"true": True, "false": False, "1": True, "0": False}
    return words.replace_strict(pairs, default=None, return_dtype=pl.Boolean)


def _moments(values: pl.Series, time_format: str) -> pl.Series:
    """Times that the SQL has made already stay, naive ones as UTC."""
    if values.dtype == pl.Date:
        values = values.cast(pl.Datetime("us"))
    if isinstance(values.dtype, pl.Datetime):
        is_naive = values.dtype.time_zone is None
        return (values.dt.replace_time_zone("UTC") if is_naive else values).cast(UTC_MICROSECONDS)
    return read_times(values, time_format)


def _texts(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


_CASTS: dict[ColumnType, Callable[[pl.Series], pl.Series]] = {
    "text": _texts,
    "jsonb": _texts,
    "bigint": _whole_numbers,
    "double precision": _finite_numbers,
    "numeric": _decimals,
    "boolean": _booleans,
}
