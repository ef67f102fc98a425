"""The four steps of a sync, one an asset: read, normalize, load, close.

Each step finds its work in the ledger and the landing zone, never in the memory of the step before, so
that each runs again alone and in another process.
"""

import time
from collections import Counter
from dataclasses import replace
from datetime import date, datetime

from sync_platform.api.loop import run_interruptibly
from sync_platform.pull.account import Account
from sync_platform.pull.ahead import WorkAhead, forget_work, work_ahead, work_of
from sync_platform.pull.batches import queue_batch
from sync_platform.pull.closing import close_sync
from sync_platform.pull.land import LandedSync, Landing, NormalizedManifest, ReadManifest, landing_faults
from sync_platform.pull.ledger import Ledger, ledger_of
from sync_platform.pull.load import load_sync, missing_rule, require_target
from sync_platform.pull.normalize import Normalizer
from sync_platform.pull.progress import ProgressEvent, post
from sync_platform.pull.read import Reader, ReadOutcome
from sync_platform.pull.reports import (
    CloseReport,
    LoadReport,
    NormalizeReport,
    PullContext,
    ReadReport,
    Scope,
)
from sync_platform.pull.source import client_for
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.watermark import Position, later, watermark_of
from sync_platform.pull.window import SyncOrder, Window, plan_window
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.failures import DatabaseBusyError


@landing_faults()
def read_source(context: PullContext, order: SyncOrder) -> ReadReport:
    """Read every page that the order asks for, land it, and open the sync's row in sync_logs.

    A rerun begins a new sync. Pages that fail are queued and named; the sync goes on.

    Raises:
        RetryableError: the source or the database could not be reached, or page 1 failed.
        PermanentError: the source refused (401, 403), or its answers are not what the YAML says.
    """
    began = time.monotonic()
    with ledger_of(context) as ledger:
        started_at = context.now()
        window = _plan(context, ledger, order)
        table = require_target(context)
        landed = _landing(context).sync(time.time_ns())
        ledger.open_sync(sync_id=landed.sync_id, window=window, started_at=started_at)
        context.log(_opening_line(context.spec, landed.sync_id, window))
    with work_ahead(context, landed, window, table) as ahead:
        outcome = run_interruptibly(_read(context, window, landed, ahead))
    manifest = _manifest_of(context, landed, window, started_at, outcome)
    landed.write_manifest(manifest)  # before the queue, whose entries need it
    with ledger_of(context) as ledger:
        ledger.queue_pages(landed.sync_id, outcome.queued)
        _save(ledger, manifest, account_of(manifest, None))
    context.log(
        f"read {manifest.records} records on {manifest.pages} pages; "
        f"proof {manifest.proof}: {manifest.proof_reason}"
    )
    return _read_report(landed, manifest, time.monotonic() - began)


@landing_faults()
def normalize(context: PullContext, scope: Scope) -> NormalizeReport:
    """Make rows of the landed pages; records that break the contract go to the quarantine.

    A rerun replaces its rows.

    Raises:
        PermanentError: nothing has landed, a column's SQL does not fit the records, or more records than
            `max_rejected_share` were rejected.
    """
    began = time.monotonic()
    with ledger_of(context) as ledger:
        syncs = _syncs(context, ledger, scope)
        manifests = [normalize_sync(context, ledger, landed) for landed in syncs]
    reasons: Counter[str] = Counter()
    for manifest in manifests:
        reasons.update(manifest.quarantine_reasons)
    return NormalizeReport(
        sync_ids=tuple(landed.sync_id for landed in syncs),
        records=sum(landed.read_manifest.records for landed in syncs),
        rows=sum(manifest.rows for manifest in manifests),
        quarantined=sum(manifest.quarantined for manifest in manifests),
        outside_window=sum(manifest.outside_window for manifest in manifests),
        quarantine_reasons=reasons,
        seconds=time.monotonic() - began,
    )


@landing_faults()
def load(context: PullContext, scope: Scope) -> LoadReport:
    """Upsert the normalized rows, oldest sync first. A rerun finds them unchanged.

    Rows that Postgres does not take now, for a lock or resources, are queued as a batch and named.

    Raises:
        RetryableError: the database was lost, and lost again on every try.
        PermanentError: nothing is normalized, or Postgres refuses (privileges, read-only, a clash of types).
    """
    began = time.monotonic()
    accounts = {}
    with ledger_of(context) as ledger:
        for landed in _syncs(context, ledger, scope):
            account = _load_or_queue(context, ledger, landed)
            accounts[landed.sync_id] = account
            context.log(_account_line(account))
    return LoadReport(accounts, time.monotonic() - began)


@landing_faults()
def close(context: PullContext, scope: Scope) -> tuple[CloseReport, ...]:
    """Move the watermark where that is proven, write the account and the status, and clear old landed files.

    A sync that is closed already is reported as it is; a page that was asked again is in the account of
    the sync that had queued it.

    Raises:
        PermanentError: the rows of a sync were not loaded, so that its account does not balance.
    """
    with ledger_of(context) as ledger:
        reports = tuple(
            close_sync(context, ledger, landed, row)
            for landed in _syncs(context, ledger, scope)
            if landed.is_normalized and (row := ledger.sync_row(landed.sync_id)) is not None
        )
        _landing(context).clear(
            keep_days=context.spec.keep_landed_days,
            now=context.now(),
            needed=ledger.syncs_with_pending_batches() | {report.sync_id for report in reports},
        )
    forget_work(context.spec.source)
    return reports


def _plan(context: PullContext, ledger: Ledger, order: SyncOrder) -> Window:
    """The window of this sync."""
    spec, now = context.spec, context.now()
    last_full_at, first_sync_at = ledger.full_sync_state()
    baseline = last_full_at or first_sync_at
    full_is_due = (
        spec.full_every_s is not None
        and order.sync_type == "incremental"
        and baseline is not None
        and (now - baseline).total_seconds() >= spec.full_every_s
    )
    watermark = watermark_of(spec.incremental, ledger.watermark(spec.watermark_name))
    return plan_window(order, spec.incremental, watermark=watermark, now=now, full_is_due=full_is_due)


async def _read(context: PullContext, window: Window, landed: LandedSync, ahead: WorkAhead) -> ReadOutcome:
    async with client_for(context.spec, context.environment) as client:
        reader = Reader(
            context.spec,
            window,
            client=client,
            landed=landed,
            ahead=ahead,
            now=context.now,
            log=context.log,
        )
        return await reader.read()


def _load_or_queue(context: PullContext, ledger: Ledger, landed: LandedSync) -> Account:
    """Load one sync; what Postgres cannot take now is queued, and the sync is not proven any more."""
    manifest = landed.read_manifest
    account = account_of(manifest, landed.normalized_manifest)
    try:
        missing = missing_rule(context, ledger, landed)
        work = work_of(context, landed)
        begun = None if work is None else work.take_load()
        account = load_sync(context, ledger, landed, before=account, missing=missing, begun=begun)
    except DatabaseBusyError as error:
        manifest, account = queue_batch(context, ledger, landed, error, before=account)
    _save(ledger, manifest, account)
    return account


def normalize_sync(context: PullContext, ledger: Ledger, landed: LandedSync) -> NormalizedManifest:
    """Normalize one landed sync, block by block, but for what its own run has done ahead."""
    manifest, work = landed.read_manifest, work_of(context, landed)
    ready = {} if work is None else work.blocks
    landed.forget_rows(but=ready)
    normalizer = Normalizer(context.spec, manifest.window)
    rows = records = outside_window = 0
    reasons: Counter[str] = Counter()
    newest: Position | None = None
    quarantine_ids: list[int] = []
    for number in range(1, manifest.blocks + 1):
        if (block := ready.get(number)) is None:
            block = normalizer.block(list(landed.pages(number)))
            landed.write_rows(number, block.rows)
        quarantine_ids += ledger.quarantine(landed.sync_id, block.rejected)
        rows, records = rows + block.row_count, records + block.records
        outside_window += block.outside_window
        reasons.update(reject.reason for reject in block.rejected)
        newest = later(newest, block.newest_change_at)
        post(_progress(context.spec, "normalize", number, manifest, records))
    normalized = NormalizedManifest(
        blocks=manifest.blocks,
        rows=rows,
        quarantined=reasons.total(),
        outside_window=outside_window,
        newest_change_at=newest,
        quarantine_reasons=dict(reasons),
        quarantine_ids=tuple(quarantine_ids),
    )
    _refuse_a_bad_source(context.spec, manifest, normalized)
    landed.write_manifest(normalized)
    _save(ledger, manifest, account_of(manifest, normalized))
    return normalized


def _refuse_a_bad_source(spec: ApiSyncSpec, read: ReadManifest, normalized: NormalizedManifest) -> None:
    if spec.max_rejected_share is None or not read.records:
        return
    share = normalized.quarantined / read.records
    if share > spec.max_rejected_share:
        raise PermanentError(
            f"{normalized.quarantined} of {read.records} records ({share:.0%}) break the contract, more than "
            f"max_rejected_share ({spec.max_rejected_share:.0%}): the table was not touched. "
            f"See sync_quarantine for the reasons, then mend the source or the YAML"
        )


def _syncs(context: PullContext, ledger: Ledger, scope: Scope) -> list[LandedSync]:
    """The syncs that a step works on: this run's own, else what has landed for its days."""
    ledger.require_turn()
    landing = _landing(context)
    own = ledger.sync_of_run(scope.run_id)
    if own is not None:
        return [landing.sync(own)]
    found = landing.labelled(scope.days)
    if not found:
        raise PermanentError(
            f"nothing of {context.spec.source} has landed for {_days(scope.days)}: "
            f"materialize external_{context.spec.source}_pages first"
        )
    for landed in found:
        ledger.adopt_sync(landed.sync_id)
    return found


def _landing(context: PullContext) -> Landing:
    return Landing(context.landing_url, context.spec.source)


def _save(ledger: Ledger, manifest: ReadManifest, account: Account) -> None:
    ledger.save_account(
        sync_id=manifest.sync_id,
        account=account,
        proof="none" if account.queued else manifest.proof,
        pages=manifest.pages,
        body_bytes=manifest.body_bytes,
        errors=manifest.errors,
    )


def account_of(read: ReadManifest, normalized: NormalizedManifest | None) -> Account:
    """The account as far as reading and normalizing know it."""
    account = Account(
        seen=read.records,
        pages_queued=read.pages_queued,
        rows_queued_estimate=read.rows_queued_estimate,
        expected=read.expected,
        distinct=read.distinct,
    )
    if normalized is None:
        return account
    return replace(account, quarantined=normalized.quarantined, outside_window=normalized.outside_window)


def _progress(
    spec: ApiSyncSpec, step: str, number: int, manifest: ReadManifest, records: int
) -> ProgressEvent:
    return ProgressEvent(
        source=spec.source,
        step=step,
        batch_num=number,
        total_batches=manifest.blocks,
        percent=100 * number / manifest.blocks,
        records=records,
        pages=manifest.pages,
        is_last=number == manifest.blocks,
    )


def _manifest_of(
    context: PullContext, landed: LandedSync, window: Window, started_at: datetime, outcome: ReadOutcome
) -> ReadManifest:
    return ReadManifest(
        sync_id=landed.sync_id,
        source=context.spec.source,
        sync_type=window.sync_type,
        since=window.since,
        until=window.until,
        first_day=window.first_day,
        last_day=window.last_day,
        started_at=started_at,
        source_clock_at=outcome.source_clock_at,
        pages=outcome.pages,
        records=outcome.records,
        body_bytes=outcome.body_bytes,
        blocks=outcome.blocks,
        expected=outcome.expected,
        distinct=outcome.distinct,
        proof=outcome.proof,
        proof_reason=outcome.proof_reason,
        pages_queued=len(outcome.queued),
        rows_queued_estimate=outcome.rows_queued_estimate,
        errors=outcome.errors,
        token=window.token,
        next_token=outcome.next_token,
    )


def _read_report(landed: LandedSync, manifest: ReadManifest, seconds: float) -> ReadReport:
    return ReadReport(
        sync_id=manifest.sync_id,
        sync_type=manifest.sync_type,
        window_since=manifest.since,
        window_until=manifest.until,
        first_day=manifest.first_day,
        last_day=manifest.last_day,
        pages=manifest.pages,
        records=manifest.records,
        body_bytes=manifest.body_bytes,
        expected=manifest.expected,
        distinct=manifest.distinct,
        proof=manifest.proof,
        pages_queued=manifest.pages_queued,
        errors=manifest.errors,
        landing_path=str(landed.folder),
        seconds=seconds,
    )


def _opening_line(spec: ApiSyncSpec, sync_id: int, window: Window) -> str:
    since = "the last token" if window.token else _shown(window.since, "the beginning")
    until = _shown(window.until, "now")
    return (
        f"sync {sync_id} of {spec.source}: {window.sync_type}, from {since} to {until}, "
        f"pages of {spec.page_size}"
    )


def _shown(position: Position | None, absent: str) -> str:
    if position is None:
        return absent
    return str(position) if isinstance(position, int) else position.isoformat()


def _account_line(account: Account) -> str:
    ends = ", ".join(f"{term} {count}" for term, count in account.terms().items() if count)
    return f"account: {ends or 'nothing seen'}"


def _days(days: tuple[date, date] | None) -> str:
    if days is None:
        return "this source"
    return str(days[0]) if days[0] == days[1] else f"{days[0]} to {days[1]}"
