"""Rows as the pull engine stages them, for the tests of the bulk load."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from sync_platform.pull.comparison import Comparison
from sync_platform.pull.hashes import DistinctKeys
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.staging import KeyWatch, staging_schema
from sync_platform.warehouse.tables import TargetTable
from sync_platform.warehouse.tally import LoadCounts, LoadResult
from sync_platform.warehouse.upsert import BulkLoad

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One staged row; `at_s` is its source time in seconds since 2024, or None."""

    values: Mapping[str, Any]
    at_s: int | None = 0
    is_deleted: bool = False
    original_id: str | None = None


def staged(table: TargetTable, rows: Iterable[Row]) -> pa.Table:
    """Return the rows in the order of reading."""
    records = [
        {
            **row.values,
            "source_updated_at": None if row.at_s is None else EPOCH + timedelta(seconds=row.at_s),
            "_original_id": row.original_id or json.dumps(row.values[table.key]),
            "_place": place,
            "_is_deleted": row.is_deleted,
        }
        for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(records, schema=staging_schema(table))


def load(
    address: DatabaseAddress,
    table: TargetTable,
    rows: Iterable[Row],
    *,
    sync_id: int = 1,
    loaded_at: datetime = EPOCH,
    tombstone_columns: tuple[str, ...] = (),
    watch: KeyWatch | None = None,
    is_compared: bool = False,
) -> LoadResult:
    """Stage the rows batch by batch and merge them, watched as the pull engine does where nothing is said.

    Where it is asked for and the table allows it, they are compared before they are staged.
    """
    whole = staged(table, rows)
    batches = [whole.slice(start, 100) for start in range(0, max(whole.num_rows, 1), 100)]
    with BulkLoad(
        address,
        table,
        sync_id=sync_id,
        provenance="external-system",
        tombstone_columns=tombstone_columns,
        watch=watch or DistinctKeys(),
    ) as bulk:
        if is_compared and bulk.can_compare():
            return merge_unknown(bulk, table, batches, loaded_at=loaded_at)[0]
        for batch in batches:
            bulk.stage(batch)
        result = bulk.merge(loaded_at=loaded_at)
    assert balances(result.counts)
    return result


def merge_unknown(
    bulk: BulkLoad, table: TargetTable, batches: Sequence[pa.Table], *, loaded_at: datetime = EPOCH
) -> tuple[LoadResult, int]:
    """Merge what the target lacks of the batches; returns also how many of them were looked at for it."""
    comparison, again = Comparison(table), iter(batches)
    for batch in batches:
        comparison.add(batch)
    result = bulk.merge(loaded_at=loaded_at, stage_late=lambda: comparison.stage_unknown(bulk, again))
    assert balances(result.counts)
    return result, len(batches) - len(list(again))


def balances(counts: LoadCounts) -> bool:
    """Say whether every staged row is counted exactly once."""
    outcomes = (
        counts.inserted,
        counts.updated,
        counts.unchanged,
        counts.stale,
        counts.duplicate,
        counts.deleted,
    )
    return counts.staged == sum(outcomes) and min(outcomes) >= 0
