"""Tombstones: which records say that something is gone, and what they set.

Here belongs only reading `deleted` of the YAML over a block of records; what a tombstone writes, and that
it inserts nothing, is `warehouse.upsert`.
"""

from collections.abc import Callable, Mapping

import polars as pl

from sync_platform.pull.casts import cast_values
from sync_platform.pull.grammar import Literally
from sync_platform.pull.spec import ApiSyncSpec, ColumnType
from sync_platform.vocabulary import PermanentError

Evaluate = Callable[[pl.DataFrame, pl.Expr], pl.Series]


class Tombstones:
    """Finds a source's tombstones; without `deleted` in the YAML there are none.

    Attributes:
        required: the fields that every other record must have.
    """

    def __init__(self, spec: ApiSyncSpec, types: Mapping[str, ColumnType]) -> None:
        deleted = spec.deleted
        self._when = None if deleted is None else pl.sql_expr(deleted.when)
        self._values = literals(deleted.set if deleted else {}, types)
        fields = spec.field_specs.items() if deleted else ()
        self.required = tuple(name for name, field in fields if field.required)

    def among(self, raw: pl.DataFrame, evaluate: Evaluate) -> pl.Series:
        """Whether each record is a tombstone; a null is none.

        Raises:
            PermanentError: the SQL does not fit the records, or is no condition.
        """
        if self._when is None:
            return pl.Series("_is_deleted", [False]).new_from_index(0, len(raw))
        try:
            said = evaluate(raw, self._when)
        except pl.exceptions.PolarsError as error:
            raise PermanentError(
                f"deleted.when cannot be computed with its SQL ({type(error).__name__}): declare the types "
                "of the fields it uses under `fields`, or mend the SQL"
            ) from None
        if said.dtype not in (pl.Boolean, pl.Null):
            raise PermanentError(
                f"deleted.when gives {said.dtype}, not true or false: write a condition, such as `flag = 'x'`"
            )
        return said.cast(pl.Boolean).fill_null(value=False).alias("_is_deleted")

    def mark(self, name: str, values: pl.Series, is_deleted: pl.Series) -> pl.Series:
        """A column's values, where tombstones have what they set."""
        if name not in self._values or not is_deleted.any():
            return values
        marked = pl.select(pl.when(is_deleted).then(pl.lit(self._values[name])).otherwise(values))
        return marked.to_series().cast(values.dtype).alias(name)


def literals(values: Mapping[str, Literally], types: Mapping[str, ColumnType]) -> dict[str, pl.Series]:
    """Values that YAML sets, each in its column's type.

    Raises:
        PermanentError: one does not fit.
    """
    return {name: _literal(name, value, types[name]) for name, value in values.items()}


def _literal(name: str, value: Literally, kind: ColumnType) -> pl.Series:
    given = pl.Series(name, [value])
    cast = cast_values(given, kind, "iso8601") if value is not None else given.cast(pl.Null)
    if value is not None and cast.null_count():
        raise PermanentError(f"deleted.set `{name}`: this value is no {kind}, which the column is")
    return cast
