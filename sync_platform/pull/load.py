"""From normalized rows to the target table: one bulk load a sync, and every row's end counted.

The load itself is `warehouse.upsert`; here stands what the account needs to know about it.
"""

from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa
import stamina

from sync_platform.pull.account import Account
from sync_platform.pull.books import connection_of, turn_fence
from sync_platform.pull.comparison import Comparison
from sync_platform.pull.hashes import DistinctKeys
from sync_platform.pull.land import LandedSync, ReadManifest
from sync_platform.pull.ledger import Ledger
from sync_platform.pull.normalize import column_types, page_and_ordinal
from sync_platform.pull.progress import ProgressEvent, post
from sync_platform.pull.records import page_records
from sync_platform.pull.reports import PullContext
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.tombstones import literals
from sync_platform.pull.window import Window
from sync_platform.vocabulary import RejectedRecord, RetryableError
from sync_platform.warehouse.missing import MissingRule
from sync_platform.warehouse.tables import Column, TargetTable, ensure_table
from sync_platform.warehouse.tally import LoadResult, RejectedRow
from sync_platform.warehouse.upsert import BulkLoad, UnstorableRowError

TRIES = 3


@dataclass(frozen=True, slots=True)
class Begun:
    """A load that some blocks were handed to already.

    Attributes:
        load: open; who has it closes it.
        comparison: what the blocks are compared by before they are staged, or None: they are staged at once.
        blocks: the numbers of these blocks.
    """

    load: BulkLoad
    comparison: Comparison | None
    blocks: set[int] = field(default_factory=set)

    def take(self, number: int, rows: pa.Table) -> None:
        """Hand over the rows of a block."""
        if self.comparison is None:
            self.load.stage(rows)
        else:
            self.comparison.add(rows)
        self.blocks.add(number)


def target_table(spec: ApiSyncSpec) -> TargetTable:
    """The table that the YAML describes.

    Raises:
        PermanentError: a value that the YAML sets in a column does not fit it.
    """
    types = column_types(spec)
    literals({**spec.missing_values, **(spec.deleted.set if spec.deleted else {})}, types)
    columns = tuple(Column(name, kind) for name, kind in types.items())
    return TargetTable(spec.target.table, spec.target.key, columns)


def loaded_account(before: Account, result: LoadResult) -> Account:
    """The account of a sync after its rows were loaded; what Postgres refused joins the quarantined."""
    counts = result.counts
    return replace(
        before,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        stale=counts.stale,
        duplicate=counts.duplicate,
        deleted=counts.deleted,
        quarantined=before.quarantined + len(result.rejected),
        deactivated=result.deactivated,
    )


def require_target(context: PullContext) -> TargetTable:
    """Create or widen the target table, or refuse a clash of types, before the first request goes out."""
    table = target_table(context.spec)
    with connection_of(context) as connection:
        ensure_table(connection.living(), table)
    return table


def load_sync(
    context: PullContext,
    ledger: Ledger,
    landed: LandedSync,
    *,
    before: Account,
    missing: MissingRule | None = None,
    begun: Begun | None = None,
) -> Account:
    """Load the rows of one sync and return its account, `before` with the ends of its rows.

    `missing` says what becomes of known rows that a sync of everything did not bring; `begun` is tried first,
    and closed. A rerun finds the rows unchanged.

    Raises:
        DatabaseBusyError: Postgres gave up on every try: a lock, a deadlock, resources (retryable).
        RetryableError: the database was lost on every try.
        PermanentError: Postgres refuses.
    """
    spec = context.spec
    table = require_target(context)
    window = landed.read_manifest.window
    good_again = _keys_among(landed, spec, ledger.open_quarantine(landed.sync_id))
    for attempt in stamina.retry_context(on=RetryableError, attempts=TRIES, wait_initial=0.5):
        with attempt:
            started, begun = begun or begin_load(context, table, landed.sync_id, window), None
            result = _load(context, landed, started, table, missing)
    refused = ledger.quarantine(landed.sync_id, _refused_records(landed, spec, result))
    ledger.resolve_quarantine(landed.sync_id, good_again - {row.key for row in result.rejected})
    ledger.resolve_mended(landed.sync_id, found=(*landed.normalized_manifest.quarantine_ids, *refused))
    return loaded_account(before, result)


def open_load(context: PullContext, table: TargetTable, sync_id: int) -> BulkLoad:
    """Open the load of one sync; the caller closes it.

    Raises:
        RetryableError: no connection could be made.
        PermanentError: the target is missing, or may not be read.
    """
    spec = context.spec
    load = BulkLoad(
        context.address,
        table,
        sync_id=sync_id,
        provenance=spec.provenance_name,
        tombstone_columns=tuple(spec.deleted.set) if spec.deleted else (),
        fence=turn_fence(spec.source, context.run_id),
        watch=DistinctKeys(),
    )
    load.open()
    return load


def begin_load(context: PullContext, table: TargetTable, sync_id: int, window: Window) -> Begun:
    """Open the load of one sync, as `open_load` does; one of everything is compared with its target first.

    Where known rows that were not brought are set as missing, Postgres needs all that were.
    """
    load = open_load(context, table, sync_id)
    try:
        is_compared = (
            window.is_whole(context.spec.incremental)
            and not context.spec.missing_values
            and load.can_compare()
        )
    except BaseException:  # the caller gets no load that it could close
        load.close()
        raise
    return Begun(load, Comparison(table) if is_compared else None)


def _load(
    context: PullContext, landed: LandedSync, begun: Begun, table: TargetTable, missing: MissingRule | None
) -> LoadResult:
    """Load all blocks; once more without comparing where a row cannot be stored, so that it is found."""
    with closing(begun.load), suppress(UnstorableRowError):
        return _load_blocks(context, landed, begun, missing)
    begun = Begun(open_load(context, table, landed.sync_id), None)
    with closing(begun.load):
        return _load_blocks(context, landed, begun, missing)


def _load_blocks(
    context: PullContext, landed: LandedSync, begun: Begun, missing: MissingRule | None
) -> LoadResult:
    """Hand over every block that was not yet, and merge all at once, or what the target does not have."""
    manifest, load, comparison = landed.read_manifest, begun.load, begun.comparison
    numbers = range(1, manifest.blocks + 1)
    for number in numbers:
        if number not in begun.blocks:
            begun.take(number, landed.rows(number))
        post(_progress(context.spec, manifest, number))
    if comparison is None:
        return load.merge(missing, loaded_at=context.now())
    return load.merge(
        loaded_at=context.now(),
        stage_late=lambda: comparison.stage_unknown(load, map(landed.rows, numbers)),
    )


def _keys_among(landed: LandedSync, spec: ApiSyncSpec, waiting: frozenset[str]) -> set[str]:
    """Which of the quarantined keys came again, and fit now."""
    if not waiting:
        return set()
    blocks = range(1, landed.read_manifest.blocks + 1)
    columns = (landed.rows(number)[spec.target.key] for number in blocks)
    keys = (pl.Series(pl.from_arrow(column)).cast(pl.String) for column in columns)
    return {key for block in keys for key in waiting.intersection(block)}


def missing_rule(context: PullContext, ledger: Ledger, landed: LandedSync) -> MissingRule | None:
    """What becomes of known rows that this sync did not bring; None where it is not known to bring all.

    That takes a full sync without a filter that is proven, and whose quarantined records all have a key: a
    record without one may be any row's.
    """
    spec, manifest = context.spec, landed.read_manifest
    if not spec.missing_values or manifest.proof == "none" or not manifest.window.is_whole(spec.incremental):
        return None
    kept_keys = ledger.quarantined_keys(landed.sync_id)
    if None in kept_keys:
        context.log("a quarantined record has no key that can be read, so no row is deactivated this time")
        return None
    values = literals(spec.missing_values, column_types(spec))
    return MissingRule(
        values={name: _postgres_text(value.item()) for name, value in values.items()},
        kept_keys=tuple(key for key in kept_keys if key is not None),
        max_share=spec.max_missing_share,
    )


def _postgres_text(value: object) -> str | None:
    return None if value is None else str(value)


def _refused_records(landed: LandedSync, spec: ApiSyncSpec, result: LoadResult) -> list[RejectedRecord]:
    """The records behind the rows that Postgres refused, as received."""
    refused: defaultdict[int, list[tuple[int, RejectedRow]]] = defaultdict(list)
    for row in result.rejected:
        number, ordinal = page_and_ordinal(row.place)
        refused[number].append((ordinal, row))
    blocks = range(1, landed.read_manifest.blocks + 1) if refused else ()
    rejected: list[RejectedRecord] = []
    for page in (page for block in blocks for page in landed.pages(block) if page.number in refused):
        records = page_records(page, spec.records).records
        rejected += [
            RejectedRecord(page.number, row.key, row.reason, bytes(records[ordinal]))
            for ordinal, row in refused[page.number]
        ]
    return rejected


def _progress(spec: ApiSyncSpec, manifest: ReadManifest, number: int) -> ProgressEvent:
    return ProgressEvent(
        source=spec.source,
        step="load",
        batch_num=number,
        total_batches=manifest.blocks,
        percent=100 * number / manifest.blocks,
        records=manifest.records * number // manifest.blocks,
        pages=manifest.pages,
        is_last=number == manifest.blocks,
    )
