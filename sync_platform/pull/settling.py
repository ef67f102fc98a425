"""What a retry and a replay write at their end, in one transaction: entries, accounts, their own row.

Here belongs what must be written together, so that a kill leaves all of it undone: what was redone is done
again then, and its rows are found unchanged. What was redone, and how it ended, is decided by `retry` and
`replay`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from sync_platform.pull.account import Account, Status, summed
from sync_platform.pull.ledger import Ledger, error_entry, terms_of

EntryStatus = Literal["pending", "dead"]
_NOTHING = Account()


@dataclass(frozen=True, slots=True)
class Redone:
    """Entries of one sync's queue that were redone, with where their records ended.

    Attributes:
        ids: the entries.
        account: of all of them together.
        body_bytes: what was received for them.
    """

    ids: tuple[int, ...] = ()
    account: Account = _NOTHING
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NotRedone:
    """An entry that failed again.

    Attributes:
        entry_id: which one.
        page: its page, or None for a batch.
        reason: why, without values.
        status: whether it is tried again.
        next_attempt_at: when, if it is.
    """

    entry_id: int
    page: int | None
    reason: str
    status: EntryStatus
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A record that stays in quarantine: its entry, the key that can be read, and the reason."""

    entry_id: int
    external_id: str | None
    reason: str


def settle_retry(
    ledger: Ledger,
    sync_id: int,
    *,
    retry_of: int,
    pages: Redone,
    batches: Redone,
    failed: Sequence[NotRedone],
    at: datetime,
) -> Account:
    """End the entries of one sync, complete its account, and close the retry's own row.

    Returns:
        The retry's own account.
    """
    queued = sum(entry.page is not None for entry in failed)
    account = replace(summed([pages.account, batches.account]), pages_queued=queued)
    with ledger.writing("settle_retry") as write:
        for entry_id in (*pages.ids, *batches.ids):
            write("finish_entry", id=entry_id, status="done", error=None, next_attempt_at=None)
        for entry in failed:
            write(
                "finish_entry",
                id=entry.entry_id,
                status=entry.status,
                error=entry.reason,
                next_attempt_at=entry.next_attempt_at,
            )
        if pages.ids:
            write("add_to_account", sync_id=retry_of, pages=len(pages.ids), **pages.account.terms())
        if batches.ids:
            accounted = batches.account.accounted
            write("settle_batch", sync_id=retry_of, accounted=accounted, **batches.account.terms())
        write(
            "close_redo",
            sync_id=sync_id,
            status=redo_status(account, errors=len(failed)),
            completed_at=at,
            pages=len(pages.ids),
            bytes=pages.body_bytes,
            errors=Jsonb([error_entry(entry.page, entry.reason, at) for entry in failed]),
            **terms_of(account),
        )
    return account


def settle_records(
    ledger: Ledger, sync_id: int, *, left: Sequence[int], account: Account, judged: Sequence[Judged]
) -> None:
    """Close the entries of records that left the quarantine, and move them in their sync's account.

    Args:
        ledger: the source's.
        sync_id: the sync that had quarantined them.
        left: the entries whose records are loaded.
        account: where these ended.
        judged: the entries that stay.
    """
    with ledger.writing("settle_records") as write:
        for entry in judged:
            named: Mapping[str, Any] = {
                "id": entry.entry_id,
                "external_id": entry.external_id,
                "reason": entry.reason,
            }
            write("resolve_same", **named)
            write("judge_record", **named)
        if left:
            write("resolve_records", ids=list(left))
            write("settle_replay", sync_id=sync_id, accounted=account.accounted, **account.terms())


def close_replay(ledger: Ledger, sync_id: int, *, account: Account, at: datetime) -> None:
    """Close the replay's own row."""
    with ledger.writing("close_replay") as write:
        write(
            "close_redo",
            sync_id=sync_id,
            status=redo_status(account, errors=0),
            completed_at=at,
            pages=0,
            bytes=0,
            errors=Jsonb([]),
            **terms_of(account),
        )


def redo_status(account: Account, *, errors: int) -> Status:
    """Name how a retry or replay ended; it proves nothing, so there is nothing unproven about it."""
    return "completed_with_errors" if errors or account.quarantined else "completed"
