"""From landed pages to rows of the target table, a block at a time.

Rows are what `warehouse.upsert` stages: the table's columns, `source_updated_at` (UTC, microseconds),
`_original_id` (JSON text), `_place` (see `page_and_ordinal`) and `_is_deleted`. Grain: one row an accepted
record. A record that breaks the contract is rejected alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import msgspec
import polars as pl

from sync_platform.pull.casts import cast_values
from sync_platform.pull.cursor import Cursor
from sync_platform.pull.land import LandedPage
from sync_platform.pull.lineage import key_roots, text_time_names, top_level_names
from sync_platform.pull.records import Accepted, RecordDecoder, page_records
from sync_platform.pull.spec import ApiSyncSpec, ColumnType, FieldType
from sync_platform.pull.tombstones import Tombstones
from sync_platform.pull.watermark import Position
from sync_platform.pull.window import Window
from sync_platform.vocabulary import PermanentError, RejectedRecord

_FIELD_DTYPES: dict[FieldType, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "json": pl.String(),
}
_NO_TIME = "no text, so no time"
_PLACES_A_PAGE = 2**32
_ANY_TYPE = (pl.String(), pl.Boolean(), pl.Int64())


@dataclass(frozen=True, slots=True)
class NormalizedBlock:
    """The rows made of one block of pages.

    Attributes:
        rows: see the module's docstring.
        rejected: records that broke the contract.
        outside_window: records left out because they changed outside the window.
        records: records in the block; equals rows + rejected + outside_window.
        newest_change_at: the newest change time, or integer, among the rows.
    """

    rows: pl.DataFrame
    rejected: list[RejectedRecord]
    outside_window: int
    records: int
    newest_change_at: Position | None

    @property
    def row_count(self) -> int:
        """How many rows were made, whether or not they stand here still."""
        return self.records - len(self.rejected) - self.outside_window


class Normalizer:
    """Makes rows of the pages of one source; built once a step."""

    def __init__(self, spec: ApiSyncSpec, window: Window) -> None:
        self._spec = spec
        self._window = window
        self._decoder = RecordDecoder(spec)
        self._types = column_types(spec)
        self._declared = declared_dtypes(spec)
        self._text_times = text_time_names(spec)
        self._tombstones = Tombstones(spec, self._types)
        self._cursor = Cursor(spec)
        self._columns = {name: pl.sql_expr(column.sql) for name, column in spec.column_specs.items()}
        self._key_root = roots[0] if len(roots := key_roots(spec)) == 1 else None

    def block(self, pages: Sequence[LandedPage]) -> NormalizedBlock:
        """Normalize the pages of one landed block."""
        accepted, early = self._decoder.decode_all(pages)
        raw = pl.DataFrame([self._column(name, values) for name, values in accepted.columns.items()])
        rows, faults = self._rows(raw, accepted)
        late = self._reject(rows["_place"].filter(faults.is_not_null()), faults.drop_nulls(), pages)
        is_good = faults.is_null()
        is_inside = is_good & _for_all(rows, rows.select(self._is_inside()).to_series())
        seen = len(raw) + len(early)
        if not is_inside.all():
            raw, rows = raw.filter(is_inside), rows.filter(is_inside)
        outside = int((is_good & ~is_inside).sum())
        newest = self._cursor.newest(raw, rows["source_updated_at"])
        return NormalizedBlock(rows, early + late, outside, seen, newest)

    def _column(self, name: str, values: Sequence[Any]) -> pl.Series:
        if name in self._text_times:
            if (texts := _texts(name, values)) is not None:
                return texts
            # Beside texts a number would become one, such as 20240501.
            values = [value if value is None or isinstance(value, str) else _NO_TIME for value in values]
        return column_of(name, values, self._declared.get(name))

    def _rows(self, raw: pl.DataFrame, accepted: Accepted) -> tuple[pl.DataFrame, pl.Series]:
        """The rows, and for each the reason why it is no good, or null."""
        columns: list[pl.Series] = []
        faults = pl.Series([None], dtype=pl.String).new_from_index(0, len(raw))
        is_deleted = self._tombstones.among(raw, self._evaluated)
        for name in self._tombstones.required:
            is_missing = raw[name].is_null() & ~is_deleted
            faults = _note(faults, is_missing, f"Object missing required field `{name}`")
        for name, expression in self._columns.items():
            values, ok = self._computed(raw, name, expression)
            columns.append(self._tombstones.mark(name, values.alias(name), is_deleted))
            is_wrong = ~ok if name == self._spec.target.key else ~ok & ~is_deleted
            faults = _note(faults, is_wrong, f"column `{name}`: the value is no {self._types[name]}")
        key = columns[list(self._columns).index(self._spec.target.key)]
        is_absent = key.is_null() | (key.cast(pl.String) == "")
        faults = _note(faults, is_absent, f"no key: `{self._spec.target.key}` is absent or empty")
        changed, ok = self._cursor.changed_at(raw, self._evaluated)
        for is_wrong, reason in self._cursor.faults(raw, ok):
            faults = _note(faults, is_wrong, reason)
        rows = pl.DataFrame(
            [
                *columns,
                changed.alias("source_updated_at"),
                self._original_ids(raw, key, accepted),
                _places(accepted),
                is_deleted,
            ]
        )
        return rows, faults

    def _computed(self, raw: pl.DataFrame, name: str, expression: pl.Expr) -> tuple[pl.Series, pl.Series]:
        """A column's values in its type, and whether each could be cast."""
        try:
            values = self._evaluated(raw, expression)
        except pl.exceptions.PolarsError as error:
            return self._computed_apart(raw, name, expression, error)
        cast = cast_values(values, self._types[name], self._spec.column_specs[name].format)
        return cast, cast.is_not_null() | values.is_null()

    def _computed_apart(
        self, raw: pl.DataFrame, name: str, expression: pl.Expr, failure: pl.exceptions.PolarsError
    ) -> tuple[pl.Series, pl.Series]:
        """The same, half by half, until the records alone fail whose values the SQL refuses (a CAST does).

        SQL that fails without any record does not fit the types, whatever the records say.
        """
        try:
            self._evaluated(raw.clear(), expression, like=raw)
        except pl.exceptions.PolarsError:
            raise PermanentError(
                f"column `{name}` cannot be computed with its SQL ({type(failure).__name__}): "
                f"declare the types of the fields it uses under `fields`, or mend the SQL"
            ) from None
        if len(raw) == 1:
            nothing = pl.Series([None], dtype=pl.String)
            return cast_values(nothing, self._types[name], "iso8601"), pl.Series([False])
        middle = len(raw) // 2
        halves = [self._computed(part, name, expression) for part in (raw[:middle], raw[middle:])]
        return pl.concat([values for values, _ in halves]), pl.concat([ok for _, ok in halves])

    def _evaluated(
        self, raw: pl.DataFrame, expression: pl.Expr, *, like: pl.DataFrame | None = None
    ) -> pl.Series:
        """What the SQL gives; a value without a declared type may have to be read as another type first.

        A block in which nobody has a name, or all names are numbers, must not fail where a mixed one works.
        """
        roots = expression.meta.root_names()
        failure: pl.exceptions.PolarsError | None = None
        for types in product(*(self._readings((raw if like is None else like)[root]) for root in roots)):
            casts = [pl.col(root).cast(dtype) for root, dtype in zip(roots, types, strict=True)]
            try:
                return _for_all(raw, raw.with_columns(casts).select(expression.alias("value")).to_series())
            except pl.exceptions.PolarsError as error:
                failure = failure or error
        raise failure or pl.exceptions.ComputeError("an expression without a value")

    def _readings(self, values: pl.Series) -> Sequence[pl.DataType]:
        """The types as which a value may be read, the likeliest first."""
        if values.name in self._declared:
            return (values.dtype,)
        return _ANY_TYPE if values.null_count() == len(values) else (values.dtype, pl.String())

    def _original_ids(self, raw: pl.DataFrame, key: pl.Series, accepted: Accepted) -> pl.Series:
        """The ids as JSON, each in the type that the source gave it; the key where it is made of several."""
        if self._key_root is None:
            return _json_texts(key.to_list())
        if raw[self._key_root].dtype.is_integer():
            return raw[self._key_root].cast(pl.String).alias("_original_id")
        return _json_texts(accepted.columns[self._key_root])

    def _is_inside(self) -> pl.Expr:
        """Whether a row belongs to the window; a row without a change time does."""
        inside = pl.lit(value=True)
        changed = pl.col("source_updated_at")
        if isinstance(self._window.until, datetime):
            inside &= changed.is_null() | (changed < self._window.until)
        if self._window.sync_type == "window" and isinstance(self._window.since, datetime):
            inside &= changed.is_null() | (changed >= self._window.since)
        return inside

    def _reject(
        self, places: pl.Series, reasons: pl.Series, pages: Sequence[LandedPage]
    ) -> list[RejectedRecord]:
        """Name the records behind rows that are no good."""
        found = [page_and_ordinal(place) for place in places]
        wanted = {page for page, _ in found}
        records = {
            page.number: page_records(page, self._spec.records).records
            for page in pages
            if page.number in wanted
        }
        return [
            self._decoder.reject(page, bytes(records[page][ordinal]), reason)
            for (page, ordinal), reason in zip(found, reasons, strict=True)
        ]


def declared_dtypes(spec: ApiSyncSpec) -> dict[str, pl.DataType]:
    """The types of the values whose type the YAML names."""
    return {name: _FIELD_DTYPES[field.type] for name, field in spec.field_specs.items() if field.type}


def column_types(spec: ApiSyncSpec) -> dict[str, ColumnType]:
    """The type of every column: declared, else what its SQL gives over the declared fields, else text."""
    declared = declared_dtypes(spec)
    empty = pl.DataFrame(schema={name: declared.get(name, pl.String()) for name in top_level_names(spec)})
    return {
        name: column.type or _inferred(empty, pl.sql_expr(column.sql))
        for name, column in spec.column_specs.items()
    }


def _inferred(empty: pl.DataFrame, expression: pl.Expr) -> ColumnType:
    try:
        dtype = empty.select(expression.alias("column")).schema["column"]
    except pl.exceptions.PolarsError:
        return "text"
    if dtype.is_numeric():
        return "bigint" if dtype.is_integer() else "double precision"
    if dtype == pl.Boolean:
        return "boolean"
    return "date" if dtype == pl.Date else "timestamptz" if dtype == pl.Datetime else "text"


def column_of(name: str, values: Sequence[Any], declared: pl.DataType | None = None) -> pl.Series:
    """A column of scalars: one JSON type stays itself, a mixture becomes text, and nothing is lost."""
    if declared in (None, pl.String()) and (texts := _texts(name, values)) is not None:
        return texts
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {bytes}:
        values = [None if value is None else value.decode() for value in values]
        declared = declared or pl.String()
    if declared is not None:
        return pl.Series(name, values, dtype=declared, strict=False)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int}:
        with suppress(TypeError, OverflowError):  # beyond 64 bits they are texts
            return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float} and float in kinds:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(name, [_as_text(value) for value in values], dtype=pl.String)


def page_and_ordinal(place: int) -> tuple[int, int]:
    """The page that held a record, and where on it the record stood, from its row's `_place`."""
    return divmod(place, _PLACES_A_PAGE)


def _places(accepted: Accepted) -> pl.Series:
    pages = pl.Series("_place", accepted.pages, dtype=pl.Int64)
    return pages * _PLACES_A_PAGE + pl.Series(accepted.positions, dtype=pl.Int64)


def _texts(name: str, values: Sequence[Any]) -> pl.Series | None:
    """A column of nothing but texts and nulls, or None; trying is quicker than looking at each first."""
    if isinstance(next((value for value in values if value is not None), ""), str):
        with suppress(TypeError):
            return pl.Series(name, values, dtype=pl.String)
    return None


def _for_all(raw: pl.DataFrame, values: pl.Series) -> pl.Series:
    """One value a record; a literal is one value for all."""
    if len(values) == len(raw):
        return values
    return values.extend_constant(values[0], len(raw) - 1) if len(raw) else values.clear()


def _json_texts(values: Sequence[Any]) -> pl.Series:
    """Scalars as JSON, each in its own type: a line each, and no scalar breaks a line."""
    texts = msgspec.json.Encoder().encode_lines(values).decode().split("\n")[:-1]
    return pl.Series("_original_id", texts, dtype=pl.String)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, bool | float) else str(value)


def _note(faults: pl.Series, is_wrong: pl.Series, reason: str) -> pl.Series:
    """Keep the first reason of each row."""
    if not is_wrong.any():
        return faults
    reasons = pl.select(pl.when(is_wrong).then(pl.lit(reason))).to_series()
    return faults.fill_null(reasons)
