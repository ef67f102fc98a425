"""What a sync writes down: sync_logs, sync_metadata, sync_retry_queue and sync_quarantine.

Each method is one named statement in `sql/sync/`, or a few that only make sense together. What to write is
decided elsewhere; how a statement is executed, and that it is the run's turn, is `books`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from sync_platform.pull.account import Account, Proof, Status
from sync_platform.pull.books import Books, Row, connection_of
from sync_platform.pull.reports import PullContext
from sync_platform.pull.watermark import Watermark, format_watermark, kind_of
from sync_platform.pull.window import Window
from sync_platform.vocabulary import RejectedRecord


@dataclass(frozen=True, slots=True)
class QueuedPage:
    """A page that could not be read.

    Attributes:
        page: its number.
        error: why, without values.
        payload: the whole request, without secrets; see `ApiRequest.to_payload`.
        next_attempt_at: when to ask again.
    """

    page: int
    error: str
    payload: Mapping[str, Any]
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """The landed rows of a sync that could not be written.

    Attributes:
        error: why, without values.
        payload: where they stand: the sync's id and how many blocks.
        next_attempt_at: when to load them again.
    """

    error: str
    payload: Mapping[str, Any]
    next_attempt_at: datetime


class Ledger(Books):
    """The ledger tables of one source; see `Books` for what every call may raise."""

    def take_turn(self) -> None:
        """Make it this run's turn to write; call it with the source's lock held."""
        self._execute("take_turn", run_id=self._run_id)

    def open_sync(self, *, sync_id: int, window: Window, started_at: datetime) -> None:
        """Write the row of a sync that begins; status running."""
        self._open(
            sync_id,
            window.sync_type,
            started_at,
            window_since=_written(window.since),
            window_until=_written(window.until),
        )

    def open_retry(self, *, sync_id: int, retry_of: int, started_at: datetime) -> None:
        """Write the row of a retry of what one sync had queued; status running."""
        self._open(sync_id, "retry", started_at, retry_of=retry_of)

    def open_replay(self, *, sync_id: int, started_at: datetime) -> None:
        """Write the row of a replay of the quarantine; status running."""
        self._open(sync_id, "replay", started_at)

    def _open(
        self,
        sync_id: int,
        sync_type: str,
        started_at: datetime,
        *,
        window_since: str | None = None,
        window_until: str | None = None,
        retry_of: int | None = None,
    ) -> None:
        self._write(
            "open_sync",
            sync_id=sync_id,
            run_id=self._run_id,
            sync_type=sync_type,
            started_at=started_at,
            window_since=window_since,
            window_until=window_until,
            retry_of=retry_of,
        )

    def adopt_sync(self, sync_id: int) -> None:
        """Let this run go on with a sync that did not finish; a finished one stays as it is."""
        self._write("adopt_sync", sync_id=sync_id, run_id=self._run_id)

    def save_account(
        self,
        *,
        sync_id: int,
        account: Account,
        proof: Proof,
        pages: int,
        body_bytes: int,
        errors: Iterable[Mapping[str, Any]],
    ) -> None:
        """Write the account as far as it is known."""
        self._write(
            "save_account",
            sync_id=sync_id,
            proof=proof,
            pages=pages,
            bytes=body_bytes,
            errors=Jsonb(list(errors)),
            **terms_of(account),
        )

    def close_sync(
        self,
        *,
        sync_id: int,
        status: Status,
        completed_at: datetime,
        duration_seconds: float,
        watermark_name: str,
        watermark: tuple[Watermark | None, Watermark | None],
        newest_change_at: Watermark | None,
    ) -> None:
        """Write how the sync ended and move the watermark forward, both or neither.

        `watermark` is what it was before and after; an earlier time or smaller integer moves nothing.
        """
        before, after = watermark
        with self.writing("close_sync") as write:
            if after is not None and after != before:
                value = format_watermark(after)
                write("write_watermark", key=watermark_name, value=value, kind=kind_of(after))
            write(
                "close_sync",
                sync_id=sync_id,
                status=status,
                completed_at=completed_at,
                duration_seconds=round(duration_seconds, 2),
                watermark_before=_written(before),
                watermark_after=_written(after),
                newest_change_at=_written(newest_change_at),
            )

    def fail_syncs(self, *, run_id: str, reason: str, at: datetime) -> tuple[int, ...]:
        """Close what this run left unfinished as failed; returns the syncs that were closed."""
        rows = self._execute("fail_sync", run_id=run_id, error=_error_list(None, reason, at), completed_at=at)
        return tuple(row["sync_id"] for row in rows)

    def log_failed_start(
        self, *, sync_id: int, run_id: str, sync_type: str, reason: str, at: datetime
    ) -> None:
        """Write a row for a run that failed before its sync began."""
        self._execute(
            "log_failed_start",
            sync_id=sync_id,
            run_id=run_id,
            sync_type=sync_type,
            error=_error_list(None, reason, at),
            completed_at=at,
        )

    def running_syncs(self, *, run_id: str) -> list[Row]:
        """Syncs of other runs that say running: `{sync_id, run_id}`."""
        return self._execute("running_syncs", run_id=run_id)

    def run_is_logged(self, run_id: str) -> bool:
        """Whether a run has a row."""
        return bool(self._execute("count_run_syncs", run_id=run_id)[0]["syncs"])

    def sync_of_run(self, run_id: str) -> int | None:
        """The sync that this run began, if it did."""
        rows = self._execute("sync_of_run", run_id=run_id)
        return rows[0]["sync_id"] if rows else None

    def sync_row(self, sync_id: int) -> Row | None:
        """The sync's row, or None when it has none."""
        rows = self._execute("sync_row", sync_id=sync_id)
        return rows[0] if rows else None

    def status_before(self, sync_id: int) -> str | None:
        """How the sync before this one ended."""
        rows = self._execute("status_before", sync_id=sync_id)
        return rows[0]["status"] if rows else None

    def full_sync_state(self) -> tuple[datetime | None, datetime | None]:
        """When the source was last read in full, and first read at all."""
        row = self._execute("full_sync_state")[0]
        return row["last_full_at"], row["first_sync_at"]

    def watermark(self, key: str) -> str | None:
        """The watermark as it is written (see `watermark_of`), or None before the first proven sync."""
        rows = self._execute("read_watermark", key=key)
        return rows[0]["value"] if rows else None

    def queue_pages(self, sync_id: int, pages: Iterable[QueuedPage]) -> None:
        """Name pages that could not be read."""
        parameters = [
            {
                "sync_id": sync_id,
                "source": self._source,
                "page": page.page,
                "error": page.error,
                "payload": Jsonb(dict(page.payload)),
                "next_attempt_at": page.next_attempt_at,
            }
            for page in pages
        ]
        self._write_many("queue_page", parameters)

    def queue_batch(self, sync_id: int, batch: QueuedBatch) -> None:
        """Name the landed rows that could not be written; a sync has at most one such entry open."""
        self._write(
            "queue_batch",
            sync_id=sync_id,
            error=batch.error,
            payload=Jsonb(dict(batch.payload)),
            next_attempt_at=batch.next_attempt_at,
        )

    def queue_state(self, at: datetime) -> Row:
        """Open entries of the retry queue: `{due, pending, dead}`."""
        return self._execute("queue_state", at=at)[0]

    def release_dead_claims(self) -> None:
        """Give back entries whose drain died; only with the source's lock held."""
        self._write("release_dead_claims")

    def return_claims(self) -> None:
        """Give back what this drain has claimed, as if it had not been tried; only with the lock held."""
        self._write("return_claims")

    def claim_due_entries(self, *, at: datetime, is_all: bool, limit: int) -> list[Row]:
        """Claim entries to try now, sync by sync; columns as `claim_due_entries` returns them."""
        rows = self._write("claim_due_entries", at=at, is_all=is_all, most=limit)
        return sorted(rows, key=lambda row: (row["sync_id"], row["id"]))

    def quarantine(self, sync_id: int, rejected: Iterable[RejectedRecord]) -> tuple[int, ...]:
        """Keep records that broke the contract; the same (external_id, reason) again updates its row.

        Returns:
            The ids of the rows.
        """
        parameters = [
            {
                "sync_id": sync_id,
                "source": self._source,
                "page": reject.page,
                "external_id": reject.external_id,
                "reason": reject.reason,
                "record": reject.record,
            }
            for reject in rejected
        ]
        return tuple(row["id"] for row in self._write_many("quarantine_record", parameters))

    def quarantined_keys(self, sync_id: int) -> list[str | None]:
        """Keys of the records that this sync quarantined; None for those without one."""
        return [row["external_id"] for row in self._execute("quarantined_keys", sync_id=sync_id)]

    def open_quarantine(self, sync_id: int) -> frozenset[str]:
        """Keys whose records earlier syncs quarantined."""
        return frozenset(row["external_id"] for row in self._execute("open_quarantine", sync_id=sync_id))

    def resolve_quarantine(self, sync_id: int, external_ids: Iterable[str]) -> None:
        """Close the entries of keys whose good version has been loaded."""
        self._write("resolve_quarantine", sync_id=sync_id, external_ids=list(external_ids))

    def resolve_mended(self, sync_id: int, *, found: Iterable[int]) -> None:
        """Close the entries that this sync does not make any more, because the YAML was mended since."""
        self._write("resolve_mended", sync_id=sync_id, found=list(found))

    def quarantined_syncs(self) -> list[int]:
        """Syncs whose records stand in quarantine, oldest first."""
        return [row["sync_id"] for row in self._execute("quarantined_syncs")]

    def quarantined_records(self, sync_id: int, *, after_id: int, limit: int) -> list[Row]:
        """Records of one sync that stand in quarantine, by id: `{id, external_id, reason, record}`."""
        return self._execute("quarantined_records", sync_id=sync_id, after_id=after_id, most=limit)

    def syncs_with_pending_batches(self) -> frozenset[int]:
        """Syncs whose landed files are still needed by the queue."""
        return frozenset(row["sync_id"] for row in self._execute("pending_batches"))


@contextmanager
def ledger_of(context: PullContext) -> Iterator[Ledger]:
    """Lend the ledger of a run's source; what is written is refused once it is another run's turn."""
    with connection_of(context) as connection:
        yield Ledger(connection, context.spec.source, run_id=context.run_id)


def error_entry(page: int | None, reason: str, at: datetime) -> dict[str, Any]:
    """One entry of `errors` (seed 001, "Error Handler")."""
    return {"page": page, "error": reason, "timestamp": format_watermark(at)}


def terms_of(account: Account) -> Row:
    """An account as statements take it; `distinct` is a word of SQL."""
    terms: Row = account.terms()
    terms["distinct_keys"] = terms.pop("distinct")
    return terms | {"records_processed": account.records_processed}


def _written(watermark: Watermark | None) -> str | None:
    return None if watermark is None else format_watermark(watermark)


def _error_list(page: int | None, reason: str, at: datetime) -> Jsonb:
    return Jsonb([error_entry(page, reason, at)])
