"""What a batch must look like to be staged, as Arrow.

Here belongs the shape and the conversion of batches, without a database.
"""

from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.tables import Column, ColumnType, TargetTable

TIMESTAMP = pa.timestamp("us", "UTC")
ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "numeric": pa.decimal128(38, 9),
    "boolean": pa.bool_(),
    "timestamptz": TIMESTAMP,
    "date": pa.date32(),
    "jsonb": pa.string(),
}
# Beside the table's own columns, and named so that a table's own rarely clash: _original_id holds JSON, `5`
# or `"a"`; _place is unlike that of any other row, and greater the later it was read.
PLACE_FIELDS = (
    pa.field("source_updated_at", TIMESTAMP),
    pa.field("_original_id", pa.string(), nullable=False),
    pa.field("_place", pa.int64(), nullable=False),
    pa.field("_is_deleted", pa.bool_(), nullable=False),
)
# Their values come back from Postgres as they were staged; a numeric or JSON comes as another text.
COMPARED_TYPES: frozenset[ColumnType] = frozenset(
    {"text", "bigint", "double precision", "boolean", "timestamptz", "date"}
)
RESERVED_NAMES = frozenset(field.name for field in PLACE_FIELDS)


class KeyWatch(Protocol):
    """Sees every key that one load stages, and may be sure that none came twice."""

    def add(self, keys: pa.ChunkedArray) -> None:
        """Take in the keys of a batch; none is null."""

    @property
    def are_distinct(self) -> bool:
        """Whether all keys differ for sure, byte for byte; False says nothing."""


def staging_schema(table: TargetTable) -> pa.Schema:
    """Return the columns that a staged batch has, in any order: the table's, then the places.

    Text may also come as large_string or string_view, a numeric as any decimal type.

    Raises:
        PermanentError: the table has a column with a name that staging needs.
    """
    if taken := RESERVED_NAMES & {column.name for column in table.columns}:
        raise PermanentError(
            f"Table {table.name}: a column cannot be called {', '.join(sorted(taken))}, staging uses that "
            "name. Choose another."
        )
    return pa.schema([*(_field(column) for column in table.columns), *PLACE_FIELDS])


def compared_schema(table: TargetTable) -> pa.Schema:
    """Return the columns by which a staged row is known to stand in the target just so."""
    places = (field for field in PLACE_FIELDS if field.name in {"source_updated_at", "_is_deleted"})
    return pa.schema([*(_field(column) for column in table.columns), *places])


def conformed(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the batch with exactly the schema's columns, cast where a type is only spelled differently.

    Raises:
        PermanentError: a column is missing, has empty places where none may be, or cannot be
            cast without loss.
    """
    return pa.table({field.name: _column(batch, field) for field in schema})


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, ARROW_TYPES[column.type])


def _column(batch: pa.RecordBatch | pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if batch.schema.get_field_index(field.name) < 0:
        raise PermanentError(f"A batch has no column {field.name}, or has it twice.")
    column = batch.column(field.name)
    if not field.nullable and column.null_count:
        raise PermanentError(f"A batch's column {field.name} has empty places; every row needs one.")
    if _is_alike(column.type, field.type):
        return column
    try:
        return pc.cast(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's message quotes the value.
        raise PermanentError(
            f"A batch's column {field.name} is {column.type} and does not fit into {field.type}."
        ) from None


def _is_alike(given: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_string(wanted):
        return given in {pa.string(), pa.large_string(), pa.string_view()}
    if pa.types.is_decimal(wanted):
        return bool(pa.types.is_decimal128(given) or pa.types.is_decimal256(given))
    return bool(given == wanted)
