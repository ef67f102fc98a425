from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.staging import conformed, staging_schema
from sync_platform.warehouse.tables import Column, TargetTable

TABLE = TargetTable(
    "users", "id", (Column("id", "text"), Column("paid", "numeric"), Column("seats", "bigint"))
)
SCHEMA = staging_schema(TABLE)


def batch(**changes: pa.Array) -> pa.Table:
    columns = {
        "_place": pa.array([1], pa.int32()),
        "id": pa.array(["a"], pa.large_string()),
        "paid": pa.array([Decimal("1.5")], pa.decimal128(10, 2)),
        "seats": pa.array([7], pa.int32()),
        "source_updated_at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
        "_original_id": pa.array(['"a"'], pa.string_view()),
        "_is_deleted": pa.array([False]),
    }
    return pa.table({name: column for name, column in (columns | changes).items() if column is not None})


def test_a_batch_is_ordered_and_cast_where_a_type_is_only_spelled_differently() -> None:
    rows = conformed(batch(), SCHEMA)
    assert rows.column_names == SCHEMA.names
    assert rows["seats"].type == pa.int64()
    assert rows["_place"].type == pa.int64()
    assert rows["source_updated_at"].type == pa.timestamp("us", "UTC")
    assert rows["id"].type == pa.large_string()
    assert rows["paid"].type == pa.decimal128(10, 2)


def test_a_column_without_any_value_takes_the_declared_type() -> None:
    rows = conformed(batch(paid=pa.nulls(1), id=pa.nulls(1)), SCHEMA)
    assert rows["paid"].type == pa.decimal128(38, 9)
    assert rows["id"].type == pa.string()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paid": None}, "no column paid"),
        ({"_place": pa.nulls(1, pa.int64())}, "place has empty places"),
        ({"_is_deleted": pa.nulls(1, pa.bool_())}, "is_deleted has empty places"),
        ({"seats": pa.array(["many"])}, "seats is string and does not fit into int64"),
        ({"_place": pa.array([2**63], pa.uint64())}, "place is uint64 and does not fit into int64"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_without_its_values(
    changes: dict[str, pa.Array], reason: str
) -> None:
    with pytest.raises(PermanentError, match=reason) as refused:
        conformed(batch(**changes), SCHEMA)
    assert "many" not in str(refused.value)
