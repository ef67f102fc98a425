"""Rows that landed and could not be written yet: queued as one batch, and loaded from the landing zone later.

Here belongs what such a batch is and what it does to its sync's account. When it is tried again is decided
by `retry`, as for a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from sync_platform.pull.account import Account, summed
from sync_platform.pull.land import LandedSync, Landing, ReadManifest
from sync_platform.pull.ledger import Ledger, QueuedBatch, error_entry
from sync_platform.pull.load import load_sync
from sync_platform.pull.reports import PullContext
from sync_platform.pull.settling import Redone
from sync_platform.vocabulary import SyncPlatformError
from sync_platform.warehouse.failures import DatabaseBusyError

_FIRST_DELAY = timedelta(seconds=60)


def queue_batch(
    context: PullContext, ledger: Ledger, landed: LandedSync, error: DatabaseBusyError, *, before: Account
) -> tuple[ReadManifest, Account]:
    """Name the rows of a sync that Postgres did not take; a rerun names them once.

    Returns:
        What to write down of the sync: its manifest with the error, and its account with the rows queued.
    """
    now, manifest = context.now(), landed.read_manifest
    batch = QueuedBatch(
        error=str(error),
        payload={"sync_id": landed.sync_id, "blocks": manifest.blocks},
        next_attempt_at=now + _FIRST_DELAY,
    )
    ledger.queue_batch(landed.sync_id, batch)
    rows = landed.normalized_manifest.rows
    context.log(f"the batch of {rows} rows is queued: {error}")
    errors = (*manifest.errors, error_entry(None, str(error), now))
    return msgspec.structs.replace(manifest, errors=errors), replace(before, queued=rows)


def redo_batches(
    context: PullContext, ledger: Ledger, entries: Sequence[Mapping[str, Any]]
) -> tuple[Redone, dict[int, SyncPlatformError]]:
    """Load queued batches; a rerun finds their rows unchanged.

    Rows that a later sync brought newer stay, and nothing is deactivated: the sync was not proven.

    Returns:
        What was redone, and by entry why others were not.
    """
    accounts: dict[int, Account] = {}
    errors: dict[int, SyncPlatformError] = {}
    for entry in entries:
        landed = Landing(context.landing_url, context.spec.source).sync(entry["payload"]["sync_id"])
        try:
            account = load_sync(context, ledger, landed, before=Account())
        except SyncPlatformError as error:
            errors[entry["id"]] = error
        else:
            accounts[entry["id"]] = replace(account, seen=account.accounted)
    return Redone(tuple(accounts), summed(accounts.values())), errors
