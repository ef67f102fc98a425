"""Strict casts: what does not fit a column's type is null, and nothing is rounded or guessed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from sync_platform.pull.casts import cast_values
from sync_platform.pull.grammar import ColumnType

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values", "cast"),
    [
        ("text", ["a", "", None], ["a", "", None]),
        ("text", [1, 2**62, None], ["1", "4611686018427387904", None]),
        ("text", [True, False], ["true", "false"]),
        ("text", [1.5], ["1.5"]),
        ("bigint", [1, -(2**63), 2**63 - 1], [1, -(2**63), 2**63 - 1]),
        ("bigint", ["5", "9223372036854775808", "5.0", "", "x", " 5"], [5, None, None, None, None, None]),
        ("bigint", [2.0, 1.5, 1e30, float("nan")], [2, None, None, None]),
        ("bigint", [True], [None]),
        ("double precision", [1.5, float("nan"), float("inf"), None], [1.5, None, None, None]),
        ("double precision", ["1.5", "1e400", "NaN", "x"], [1.5, None, None, None]),
        ("double precision", [1, None], [1.0, None]),
        ("double precision", [False], [None]),
        ("numeric", ["1.50", "-7", None], [Decimal("1.5"), Decimal(-7), None]),
        ("numeric", ["1e3", "1E-9", "0.1000000000000"], [Decimal(1000), Decimal("1E-9"), Decimal("0.1")]),
        ("numeric", ["0.30000000000000004", "x", "NaN", "1e29", "1e-10"], [None] * 5),
        ("numeric", [9.99, 1e-7], [Decimal("9.99"), Decimal("1E-7")]),
        ("numeric", [12345678901234567], [Decimal(12345678901234567)]),
        ("numeric", [True], [None]),
        ("boolean", [True, None, False], [True, None, False]),
        ("boolean", ["true", "false", "1", "0", "yes", ""], [True, False, True, False, None, None]),
        ("boolean", [1, 0, 2], [True, False, None]),
        ("timestamptz", ["2024-05-01T12:00:00Z", "x", None], [NOON, None, None]),
        ("timestamptz", [NOON.replace(tzinfo=None)], [NOON]),
        ("timestamptz", [1714564800], [None]),
        ("date", ["2024-05-01", "2024-02-30", None], [date(2024, 5, 1), None, None]),
        ("date", [date(2024, 5, 1)], [date(2024, 5, 1)]),
        ("date", [5], [None]),
        ("jsonb", ['{"a": 1}', None], ['{"a": 1}', None]),
    ],
)
def test_a_value_is_cast_exactly_or_not_at_all(
    kind: ColumnType, values: list[object], cast: list[object]
) -> None:
    assert cast_values(pl.Series("column", values), kind, "iso8601").to_list() == cast


def test_a_columns_own_format_says_how_times_and_dates_are_written() -> None:
    assert cast_values(pl.Series([1714564800]), "timestamptz", "epoch_s").to_list() == [NOON]
    assert cast_values(pl.Series(["01/05/2024"]), "date", "%d/%m/%Y").to_list() == [date(2024, 5, 1)]


@pytest.mark.parametrize(
    "kind", ["text", "bigint", "double precision", "numeric", "boolean", "timestamptz", "date", "jsonb"]
)
def test_a_column_without_values_keeps_its_length(kind: ColumnType) -> None:
    assert cast_values(pl.Series("column", [None, None], dtype=pl.String), kind, "iso8601").to_list() == [
        None,
        None,
    ]
    assert cast_values(pl.Series("column", [], dtype=pl.String), kind, "iso8601").to_list() == []
