"""Redoes what a sync had to queue: asks a page's request again and loads what comes, or loads a landed batch.

A page's entry holds the whole request. A page that has shifted meanwhile is covered, because the watermark
stayed where it was; draining the queue does not move it, the next proven sync does (DESIGN 4.8).
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from sync_platform.api.client import ApiClient
from sync_platform.api.failures import UnauthorizedError
from sync_platform.api.request import ApiRequest
from sync_platform.pull.account import Account
from sync_platform.pull.batches import load_batch
from sync_platform.pull.land import LandedPage, Landing, ReadManifest, landing_faults
from sync_platform.pull.ledger import Ledger
from sync_platform.pull.load import load_sync
from sync_platform.pull.reports import PullContext
from sync_platform.pull.source import client_for, fetch_page
from sync_platform.pull.sync import account_of, normalize_sync
from sync_platform.vocabulary import RetryableError, SyncPlatformError, UsageError

EntryStatus = Literal["done", "pending", "dead"]
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
    with Ledger(context.address, context.spec.source) as ledger:
        return int(ledger.queue_state(context.now())["due"])


@landing_faults()
def drain(context: PullContext, *, is_all: bool = False) -> RetryReport:
    """Try due entries again, at most 10; with `is_all` every entry, due or not.

    Call it with the source's lock held. A rerun finds what was done unchanged.

    Raises:
        UnauthorizedError: 401 or 403; what was not tried yet waits, and no attempt is counted.
        UsageError: a setting is missing, or the database cannot be reached; likewise.
    """
    with Ledger(context.address, context.spec.source) as ledger:
        ledger.release_dead_claims()
        limit = int(ledger.queue_state(context.now())["pending"]) if is_all else _ENTRIES_A_RUN
        entries = ledger.claim_due_entries(at=context.now(), is_all=is_all, limit=limit)
        totals = [_retry(context, ledger, entry) for entry in entries]
        still_pending = int(ledger.queue_state(context.now())["pending"])
    outcomes = [status for status, _ in totals]
    return RetryReport(
        attempted=len(outcomes),
        done=outcomes.count("done"),
        postponed=outcomes.count("pending"),
        dead=outcomes.count("dead"),
        still_pending=still_pending,
        account=_summed([account for _, account in totals]),
    )


def _retry(context: PullContext, ledger: Ledger, entry: Mapping[str, Any]) -> tuple[EntryStatus, Account]:
    """One attempt at one entry."""
    is_batch = entry["kind"] == "batch"
    what = "the batch" if is_batch else f"page {entry['page']}"
    named = f"{what} of sync {entry['sync_id']}"
    try:
        account = load_batch(context, ledger, entry) if is_batch else _redo(context, ledger, entry)
    except (UnauthorizedError, UsageError):
        ledger.return_claims()  # no page is to blame: none of them may die of it
        raise
    except SyncPlatformError as error:
        retry_after_s = error.retry_after_s if isinstance(error, RetryableError) else None
        status, at = next_step(attempts=entry["attempts"], retry_after_s=retry_after_s, at=context.now())
        ledger.finish_entry(entry["id"], status=status, error=str(error), next_attempt_at=at)
        context.log(f"{named}: {status}: {error}")
        return status, Account()
    complete = ledger.complete_batch if is_batch else ledger.complete_page
    complete(entry["id"], entry["sync_id"], account)
    context.log(f"{named}: done, {account.accounted} records")
    return "done", account


def _redo(context: PullContext, ledger: Ledger, entry: Mapping[str, Any]) -> Account:
    """Ask the entry's request again; land, normalize and load the page as a sync of its own."""
    request = ApiRequest.from_payload(entry["payload"])
    landed = Landing(context.landing_url, context.spec.source).sync(time.time_ns())
    origin = Landing(context.landing_url, context.spec.source).sync(entry["sync_id"])
    page, records = asyncio.run(_fetch(context, request, entry["page"]))
    landed.write_pages(1, [page])
    landed.write_manifest(_manifest(context, origin.read_manifest, landed.sync_id, page, records))
    normalized = normalize_sync(context, ledger, landed)
    before = account_of(landed.read_manifest, normalized)
    return load_sync(context, ledger, landed, before=before)


async def _fetch(context: PullContext, request: ApiRequest, number: int) -> tuple[LandedPage, int]:
    client: ApiClient
    async with client_for(context.spec, context.environment) as client:
        reply, records = await fetch_page(client, request, context.spec)
        asked, body = msgspec.json.encode(request.to_payload()), b"[]" if reply.ends_pages else reply.body
        return LandedPage(number, asked, body, is_excerpt=reply.ends_pages), len(records)


def _manifest(
    context: PullContext, origin: ReadManifest, sync_id: int, page: LandedPage, records: int
) -> ReadManifest:
    """The manifest of one retried page: window and label are those of the sync that had queued it."""
    now = context.now()
    return msgspec.structs.replace(
        origin,
        sync_id=sync_id,
        started_at=now,
        source_clock_at=now,
        pages=1,
        records=records,
        body_bytes=len(page.body),
        blocks=1,
        expected=None,
        distinct=records,
        proof="none",
        proof_reason="one page, asked again",
        pages_queued=0,
        rows_queued_estimate=0,
        errors=(),
    )


def _summed(accounts: list[Account]) -> Account:
    totals = {term: sum(account.terms()[term] or 0 for account in accounts) for term in Account().terms()}
    return Account(**totals)
