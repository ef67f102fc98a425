"""Which rows of a sync the target has already, found without handing them to Postgres.

A sync of everything mostly brings what is known. To copy that into a staging table, only to find it there
again, is most of Postgres's work in a sync. So each row is kept as a hash of 64 bits, of its key, its values
and its source time; the target's rows are read once, become hashes likewise, and only what they do not have
is staged. Beside a million rows one that has changed is taken for known once in 10^13 times, and the next
sync, whose hashes are others, finds it.

Here belongs the comparing alone; Postgres still decides about every row that is staged.
"""

import secrets
from collections.abc import Iterable

import polars as pl
import pyarrow as pa

from sync_platform.pull.hashes import DistinctKeys, Hashes, are_among, difference
from sync_platform.warehouse.staging import compared_schema, conformed
from sync_platform.warehouse.tables import TargetTable
from sync_platform.warehouse.upsert import BulkLoad

# Reading a row takes a third of staging it.
_WORTH_READING = 3


class Comparison:
    """The rows of one sync against those of its target. Take in every row, then stage what is unknown.

    Args:
        table: the target; a load says whether it `can_compare` it.
    """

    def __init__(self, table: TargetTable) -> None:
        self._key, self._schema = table.key, compared_schema(table)
        self._seed = secrets.randbits(63)
        self._keys = DistinctKeys()
        self._brought = Hashes()

    def add(self, rows: pa.Table) -> None:
        """Take in rows as they would be staged; they are not kept.

        Raises:
            PermanentError: the rows do not have the staging columns.
        """
        self._brought.add_series(self._hashes(rows))
        self._keys.add(rows[self._key].drop_null())

    def stage_unknown(self, load: BulkLoad, batches: Iterable[pa.Table]) -> None:
        """Stage the rows that the target does not have just so, and count the others as unchanged.

        Call it when the target is locked (`BulkLoad.merge`), so that none of it changes before the commit.

        All are staged where a key came twice, because which of its rows holds is Postgres's to say, and where
        the target has so many more rows that reading them would take longer.

        Args:
            load: nothing is staged in it yet.
            batches: the same rows once more; not touched where the target has them all.
        """
        known = Hashes()
        most = _WORTH_READING * self._brought.count
        for batch in load.known_rows(most):
            known.add_series(self._hashes(batch))
        if known.count == most or not self._keys.are_distinct:
            for rows in batches:
                load.stage(rows)
            return
        unknown = difference(self._brought, known)
        if unknown.is_empty():
            load.count_known(self._brought.count)
            return
        for rows in batches:
            staged = rows.filter(are_among(self._hashes(rows), unknown).to_arrow())
            load.count_known(rows.num_rows - staged.num_rows)
            load.stage(staged)

    def _hashes(self, rows: pa.RecordBatch | pa.Table) -> pl.Series:
        frame = pl.DataFrame(pl.from_arrow(conformed(rows, self._schema)))
        return frame.hash_rows(self._seed).reinterpret(signed=True)
