"""Pages that a sync could not read: their requests are asked again, and what comes is loaded.

Here belongs what such a page is and how it becomes rows. When it is tried again is decided by `retry`, as for
a batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sync_platform.api.client import ApiClient
from sync_platform.api.failures import UnauthorizedError
from sync_platform.api.loop import run_interruptibly
from sync_platform.api.request import ApiRequest
from sync_platform.pull.identity import all_records
from sync_platform.pull.land import LandedPage, LandedSync, Landing, ReadManifest
from sync_platform.pull.ledger import Ledger
from sync_platform.pull.load import load_sync
from sync_platform.pull.reports import PullContext
from sync_platform.pull.settling import Redone
from sync_platform.pull.source import client_for, fetch_page
from sync_platform.pull.sync import account_of, normalize_sync
from sync_platform.vocabulary import SyncPlatformError, UsageError

Entry = Mapping[str, Any]
Errors = dict[int, SyncPlatformError]


def redo_pages(
    context: PullContext, ledger: Ledger, landed: LandedSync, entries: Sequence[Entry]
) -> tuple[Redone, Errors]:
    """Ask the requests of one sync's entries again; land, normalize and load what comes.

    Each page is a block, in the window of the sync that had queued it. A rerun finds the rows unchanged.

    Returns:
        What was redone, and by entry why others were not.

    Raises:
        UnauthorizedError, UsageError: no page is to blame, and none was tried to its end.
    """
    if not entries:
        return Redone(), {}
    try:
        origin = Landing(context.landing_url, context.spec.source).sync(entries[0]["sync_id"]).read_manifest
        pages, errors = run_interruptibly(_ask_all(context, landed, entries))
    except (UnauthorizedError, UsageError):
        raise
    except SyncPlatformError as error:
        return Redone(), {entry["id"]: error for entry in entries}
    if not pages:
        return Redone(), errors
    try:
        landed.write_manifest(_manifest(context, origin, landed.sync_id, list(pages.values())))
        before = account_of(landed.read_manifest, normalize_sync(context, ledger, landed))
        account = load_sync(context, ledger, landed, before=before)
    except SyncPlatformError as error:
        return Redone(), errors | dict.fromkeys(pages, error)
    return Redone(tuple(pages), account, sum(size for _, size in pages.values())), errors


async def _ask_all(
    context: PullContext, landed: LandedSync, entries: Sequence[Entry]
) -> tuple[dict[int, tuple[int, int]], Errors]:
    """Ask for each page and land it as a block; by entry its records and bytes, or why it did not come."""
    pages: dict[int, tuple[int, int]] = {}
    errors: Errors = {}
    async with client_for(context.spec, context.environment) as client:
        for entry in entries:
            try:
                page, records = await _ask(client, context, entry)
            except (UnauthorizedError, UsageError):
                raise
            except SyncPlatformError as error:
                errors[entry["id"]] = error
            else:
                landed.write_pages(len(pages) + 1, [page])
                pages[entry["id"]] = records, len(page.body)
    return pages, errors


async def _ask(client: ApiClient, context: PullContext, entry: Entry) -> tuple[LandedPage, int]:
    request = ApiRequest.from_payload(entry["payload"])
    reply, records = await fetch_page(client, request, lambda reply: all_records(reply, context.spec))
    asked, is_empty = msgspec.json.encode(request.to_payload()), reply.ends_pages and not records
    page = LandedPage(entry["page"], asked, b"[]" if is_empty else reply.body, is_excerpt=is_empty)
    return page, len(records)


def _manifest(
    context: PullContext, origin: ReadManifest, sync_id: int, pages: Sequence[tuple[int, int]]
) -> ReadManifest:
    """The manifest of retried pages: window and label are those of the sync that had queued them."""
    now = context.now()
    records = sum(count for count, _ in pages)
    return msgspec.structs.replace(
        origin,
        sync_id=sync_id,
        started_at=now,
        source_clock_at=now,
        pages=len(pages),
        records=records,
        body_bytes=sum(size for _, size in pages),
        blocks=len(pages),
        expected=None,
        distinct=records,
        proof="none",
        proof_reason="pages that were asked again",
        pages_queued=0,
        rows_queued_estimate=0,
        errors=(),
    )
