"""Redoes what a sync had to queue: asks a page's request again and loads what comes, or loads a landed batch.

A page's entry holds the whole request. A page that has shifted meanwhile is covered, because the watermark
stayed where it was; draining the queue does not move it, the next proven sync does (DESIGN 4.8). What is due
of one sync is redone together, as a sync of type `retry` with an account of its own; the same records
complete the account of the sync that had queued them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull.account import Account, summed
from sync_platform.pull.batches import redo_batches
from sync_platform.pull.land import Landing, landing_faults
from sync_platform.pull.late_pages import redo_pages
from sync_platform.pull.ledger import Ledger, ledger_of
from sync_platform.pull.reports import PullContext
from sync_platform.pull.settling import EntryStatus, NotRedone, settle_retry
from sync_platform.vocabulary import RetryableError, SyncPlatformError, UsageError

Entry = Mapping[str, Any]
_MAX_ATTEMPTS = 5
_ENTRIES_A_RUN = 10
_FIRST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What a drain did with the queue; counts of entries.

    Attributes:
        attempted: entries that were tried.
        done: entries that were read and loaded.
        postponed: entries that failed and will be tried again.
        dead: entries that failed for the last time.
        still_pending: entries left in the queue.
        account: where the records of the entries ended that were done.
    """

    attempted: int
    done: int
    postponed: int
    dead: int
    still_pending: int
    account: Account


def next_step(
    *, attempts: int, retry_after_s: float | None, at: datetime
) -> tuple[EntryStatus, datetime | None]:
    """Decide what becomes of an entry that has failed `attempts` times: dead, or tried again later."""
    if attempts >= _MAX_ATTEMPTS:
        return "dead", None
    wait_s = max(_FIRST_DELAY_S * 2 ** (attempts - 1), retry_after_s or 0)
    return "pending", at + timedelta(seconds=wait_s)


def due_count(context: PullContext) -> int:
    """How many entries are due now."""
    with ledger_of(context) as ledger:
        return int(ledger.queue_state(context.now())["due"])


@landing_faults()
def drain(context: PullContext, *, is_all: bool = False) -> RetryReport:
    """Try due entries again, at most 10; with `is_all` every entry, due or not.

    Call it with the source's lock held. A rerun finds what was done unchanged.

    Raises:
        UnauthorizedError: 401 or 403; what was not tried yet waits, and no attempt is counted.
        UsageError: a setting is missing; likewise.
    """
    with ledger_of(context) as ledger:
        ledger.release_dead_claims()
        limit = int(ledger.queue_state(context.now())["pending"]) if is_all else _ENTRIES_A_RUN
        entries = ledger.claim_due_entries(at=context.now(), is_all=is_all, limit=limit)
        try:
            ends = [
                _redo(context, ledger, sync_id, list(queued))
                for sync_id, queued in groupby(entries, key=itemgetter("sync_id"))
            ]
        except (UnauthorizedError, UsageError) as error:
            ledger.return_claims()  # no page is to blame: none of them may die of it
            ledger.fail_syncs(run_id=context.run_id, reason=str(error), at=context.now())
            raise
        still_pending = int(ledger.queue_state(context.now())["pending"])
    failed = [entry for entries_failed, _ in ends for entry in entries_failed]
    return RetryReport(
        attempted=len(entries),
        done=len(entries) - len(failed),
        postponed=sum(entry.status == "pending" for entry in failed),
        dead=sum(entry.status == "dead" for entry in failed),
        still_pending=still_pending,
        account=summed(account for _, account in ends),
    )


def _redo(
    context: PullContext, ledger: Ledger, retry_of: int, entries: Sequence[Entry]
) -> tuple[Sequence[NotRedone], Account]:
    """One attempt at what one sync had queued, as a sync of its own."""
    landed = Landing(context.landing_url, context.spec.source).sync(time.time_ns())
    ledger.open_retry(sync_id=landed.sync_id, retry_of=retry_of, started_at=context.now())
    kinds: dict[str, list[Entry]] = {"page": [], "batch": []}
    for entry in entries:
        kinds[entry["kind"]].append(entry)
    pages, errors = redo_pages(context, ledger, landed, kinds["page"])
    batches, batch_errors = redo_batches(context, ledger, kinds["batch"])
    errors |= batch_errors
    failed = [
        _not_redone(entry, errors[entry["id"]], context.now()) for entry in entries if entry["id"] in errors
    ]
    account = settle_retry(
        ledger,
        landed.sync_id,
        retry_of=retry_of,
        pages=pages,
        batches=batches,
        failed=failed,
        at=context.now(),
    )
    for again in failed:
        what = "the batch" if again.page is None else f"page {again.page}"
        context.log(f"{what} of sync {retry_of}: {again.status}: {again.reason}")
    done = len(entries) - len(failed)
    context.log(f"{done} of {len(entries)} entries of sync {retry_of} are done, {account.seen} records")
    return failed, account


def _not_redone(entry: Entry, error: SyncPlatformError, at: datetime) -> NotRedone:
    retry_after_s = error.retry_after_s if isinstance(error, RetryableError) else None
    status, next_at = next_step(attempts=entry["attempts"], retry_after_s=retry_after_s, at=at)
    return NotRedone(entry["id"], entry["page"], str(error), status, next_at)
