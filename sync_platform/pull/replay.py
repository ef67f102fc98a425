"""Judges the records in quarantine anew, after the YAML or the table was mended; those that fit are loaded.

Records are taken as they were received, sync by sync and oldest first, and loaded as rows of the sync that
had received them: a row that came later stays. The source is not asked, and the watermark stays. A record
that fits ends in the account of its sync as loaded, or as superseded; one that does not keeps its entry, with
the reason that holds now.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import stamina

from sync_platform.pull.account import Account, summed
from sync_platform.pull.land import LandedPage, to_arrow
from sync_platform.pull.ledger import Ledger, ledger_of
from sync_platform.pull.load import TRIES, loaded_account, open_load, require_target
from sync_platform.pull.normalize import NormalizedBlock, Normalizer, page_and_ordinal
from sync_platform.pull.reports import PullContext
from sync_platform.pull.settling import Judged, close_replay, settle_records
from sync_platform.pull.window import Window
from sync_platform.vocabulary import RetryableError, SyncPlatformError
from sync_platform.warehouse.tables import TargetTable
from sync_platform.warehouse.tally import LoadResult

Entry = Mapping[str, Any]
_NO_WINDOW = Window("full", since=None, until=None, first_day=None, last_day=None)


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What every batch of a replay is worked on with."""

    context: PullContext
    ledger: Ledger
    normalizer: Normalizer
    table: TargetTable


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did with the quarantine; counts of records.

    Attributes:
        sync_id: its row in sync_logs, or None when nothing stood in quarantine.
        tried: records that were judged anew.
        resolved: those that left the quarantine.
        still_quarantined: those that stay, each with its reason.
        account: where they ended.
    """

    sync_id: int | None
    tried: int
    resolved: int
    still_quarantined: int
    account: Account


def replay_quarantine(context: PullContext) -> ReplayReport:
    """Judge every record in quarantine anew and load those that fit now.

    Call it with the source's lock held. A rerun, after a kill too, finds what was loaded unchanged and judges
    what is left.

    Raises:
        RetryableError: the database was lost, or could not take the rows now.
        PermanentError: Postgres refuses, or another run has taken over.
    """
    with ledger_of(context) as ledger:
        syncs = ledger.quarantined_syncs()
        if not syncs:
            return ReplayReport(None, 0, 0, 0, Account())
        sync_id = time.time_ns()
        ledger.open_replay(sync_id=sync_id, started_at=context.now())
        try:
            account = _replay_all(context, ledger, syncs)
            close_replay(ledger, sync_id, account=account, at=context.now())
        except SyncPlatformError as error:
            ledger.fail_syncs(run_id=context.run_id, reason=str(error), at=context.now())
            raise
    resolved = account.seen - account.quarantined
    context.log(f"{resolved} of {account.seen} records have left the quarantine of {context.spec.source}")
    return ReplayReport(sync_id, account.seen, resolved, account.quarantined, account)


def _replay_all(context: PullContext, ledger: Ledger, syncs: Sequence[int]) -> Account:
    table = require_target(context)
    workshop = _Workshop(context, ledger, Normalizer(context.spec, _NO_WINDOW), table)
    return summed(
        _replay(workshop, sync_id, entries)
        for sync_id in syncs
        for entries in _batches(context, ledger, sync_id)
    )


def _batches(context: PullContext, ledger: Ledger, sync_id: int) -> Iterator[list[Entry]]:
    """The records of one sync, `batch_size` at a time."""
    after_id = 0
    while batch := ledger.quarantined_records(sync_id, after_id=after_id, limit=context.spec.batch_size):
        yield list(batch)
        after_id = batch[-1]["id"]


def _replay(workshop: _Workshop, sync_id: int, entries: Sequence[Entry]) -> Account:
    """Judge some records of one sync, load those that fit, and write down how each ended."""
    # A page a record, so that its number tells the entry, and a record that is no JSON stands alone.
    pages = [
        LandedPage(number, b"", b"[" + bytes(entry["record"]) + b"]", is_excerpt=True)
        for number, entry in enumerate(entries)
    ]
    block = workshop.normalizer.block(pages)
    result = _loaded(workshop, sync_id, block)
    judged = [Judged(entries[bad.page]["id"], bad.external_id, bad.reason) for bad in block.rejected]
    refused = ((page_and_ordinal(row.place), row) for row in result.rejected)
    judged += [Judged(entries[page]["id"], row.key, row.reason) for (page, _), row in refused]
    account = loaded_account(Account(quarantined=len(block.rejected)), result)
    stays = {entry.entry_id for entry in judged}
    settle_records(
        workshop.ledger,
        sync_id,
        left=[entry["id"] for entry in entries if entry["id"] not in stays],
        account=replace(account, quarantined=0),
        judged=judged,
    )
    keys = set(block.rows[workshop.table.key].cast(pl.String))
    workshop.ledger.resolve_quarantine(sync_id, keys - {row.key for row in result.rejected})
    return replace(account, seen=len(entries), distinct=len(keys))


def _loaded(workshop: _Workshop, sync_id: int, block: NormalizedBlock) -> LoadResult:
    context = workshop.context
    for attempt in stamina.retry_context(on=RetryableError, attempts=TRIES, wait_initial=0.5):
        with attempt, closing(open_load(context, workshop.table, sync_id)) as load:
            load.stage(to_arrow(block.rows))
            result = load.merge(loaded_at=context.now())
    return result
