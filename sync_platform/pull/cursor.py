"""The cursor among a block of records: when each changed, or its integer; and the newest of them.

Here belongs reading `incremental.field`, or the column `source_updated_at` where the source has no time.
How far the watermark moves is `watermark`.
"""

from datetime import datetime

import polars as pl

from sync_platform.pull.casts import cast_values
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.times import UTC_MICROSECONDS, read_times
from sync_platform.pull.tombstones import Evaluate
from sync_platform.pull.watermark import Position
from sync_platform.vocabulary import PermanentError

_NO_TIME = "the change time is no date in the source's format"
_NO_INTEGER = "the cursor is no integer"


class Cursor:
    """Reads the cursor of one source."""

    def __init__(self, spec: ApiSyncSpec) -> None:
        self._incremental = spec.incremental
        self._name = spec.incremental.cursor_name if spec.incremental else None
        self._column = spec.change_column
        self._expression = None if self._column is None else pl.sql_expr(self._column.sql)

    def changed_at(self, raw: pl.DataFrame, evaluate: Evaluate) -> tuple[pl.Series, pl.Series]:
        """When each record changed (null where it does not say), and whether that could be read.

        Raises:
            PermanentError: the SQL of `source_updated_at` does not fit the records.
        """
        if self._incremental is not None and self._incremental.is_time and self._name is not None:
            values = raw[self._name]
            times = read_times(values, self._incremental.format)
        elif self._column is not None and self._expression is not None:
            values = self._computed(raw, evaluate, self._expression)
            times = cast_values(values, "timestamptz", self._column.format)
        else:
            values = times = pl.Series([None], dtype=UTC_MICROSECONDS).new_from_index(0, len(raw))
        return times, times.is_not_null() | values.is_null()

    def faults(self, raw: pl.DataFrame, is_read: pl.Series) -> tuple[tuple[pl.Series, str], ...]:
        """Which records have a cursor that cannot be read, by reason."""
        if self._incremental is None or not self._incremental.is_integer or self._name is None:
            return ((~is_read, _NO_TIME),)
        values = raw[self._name]
        return (~is_read, _NO_TIME), (values.is_not_null() & self._integers(raw).is_null(), _NO_INTEGER)

    def newest(self, raw: pl.DataFrame, changed_at: pl.Series) -> Position | None:
        """The newest cursor among records that are loaded."""
        if self._incremental is None or self._incremental.token is not None:
            return None
        newest = self._integers(raw).max() if self._incremental.is_integer else changed_at.max()
        return newest if isinstance(newest, datetime | int) else None

    def _integers(self, raw: pl.DataFrame) -> pl.Series:
        return cast_values(raw[self._name or ""], "bigint", "iso8601")

    def _computed(self, raw: pl.DataFrame, evaluate: Evaluate, expression: pl.Expr) -> pl.Series:
        try:
            return evaluate(raw, expression)
        except pl.exceptions.PolarsError as error:
            raise PermanentError(
                f"column `source_updated_at` cannot be computed with its SQL ({type(error).__name__}): "
                "declare the types of the fields it uses under `fields`, or mend the SQL"
            ) from None
