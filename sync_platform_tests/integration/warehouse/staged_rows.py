"""Rows as the pull engine stages them, for the tests of the bulk load."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

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
) -> LoadResult:
    """Stage the rows batch by batch and merge them, watched as the pull engine does where nothing is said."""
    batches = staged(table, rows)
    with BulkLoad(
        address,
        table,
        sync_id=sync_id,
        provenance="external-system",
        tombstone_columns=tombstone_columns,
        watch=watch or DistinctKeys(),
    ) as bulk:
        for start in range(0, max(batches.num_rows, 1), 100):
            bulk.stage(batches.slice(start, 100))
        result = bulk.merge(loaded_at=loaded_at)
    assert balances(result.counts)
    return result


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
