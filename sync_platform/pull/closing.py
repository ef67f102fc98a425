"""How a sync ends: its account must balance, the watermark moves where it may, the status is written.

What the status and the watermark are is decided by `account` and `watermark`; which syncs end, by `sync`.
"""

from sync_platform.pull.account import Account, Proof, status_of
from sync_platform.pull.books import Row
from sync_platform.pull.land import LandedSync, ReadManifest
from sync_platform.pull.ledger import Ledger
from sync_platform.pull.reports import CloseReport, PullContext
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.watermark import Watermark, leaves_no_gap, moved, watermark_of
from sync_platform.vocabulary import PermanentError


def close_sync(context: PullContext, ledger: Ledger, landed: LandedSync, row: Row) -> CloseReport:
    """Close one sync and move the watermark, both or neither.

    A sync that is closed already is reported as it is.

    Raises:
        PermanentError: its rows were not loaded, or another run has taken over.
    """
    spec, manifest, now = context.spec, landed.read_manifest, context.now()
    account = Account(**{term: row[term] for term in Account().terms()})
    _require_loaded(spec, landed, account)
    proof: Proof = row["proof"]  # the read's, unless its rows are queued
    status = status_of(account, proof=proof, errors=len(manifest.errors))
    before = watermark_of(spec.incremental, ledger.watermark(spec.watermark_name))
    newest = landed.normalized_manifest.newest_change_at
    after = moved(
        before,
        is_proven=proof != "none" and _may_move_watermark(spec, manifest, before),
        source_clock_at=manifest.source_clock_at,
        newest=newest,
        token=manifest.next_token,
    )
    duration = (now - manifest.started_at).total_seconds()
    if row["status"] == "running":
        ledger.close_sync(
            sync_id=landed.sync_id,
            status=status,
            completed_at=now,
            duration_seconds=duration,
            watermark_name=spec.watermark_name,
            watermark=(before, after),
            newest_change_at=newest,
        )
    else:
        status, after = row["status"], before
    return CloseReport(landed.sync_id, status, proof, account, before, after, manifest.pages, duration)


def _require_loaded(spec: ApiSyncSpec, landed: LandedSync, account: Account) -> None:
    """A watermark must not pass rows that never reached the table."""
    if not account.is_balanced:
        raise PermanentError(
            f"the account of sync {landed.sync_id} does not balance: {account.seen} records seen, "
            f"{account.accounted} accounted for. Its rows were not loaded: materialize {spec.source} first"
        )


def _may_move_watermark(spec: ApiSyncSpec, manifest: ReadManifest, before: Watermark | None) -> bool:
    start = spec.incremental.start if spec.incremental is not None else None
    return manifest.window.may_move_watermark and leaves_no_gap(
        since=manifest.since, before=None if isinstance(before, str) else before, start=start
    )
