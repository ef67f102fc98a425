"""What a sync writes down: sync_logs, sync_metadata, sync_retry_queue and sync_quarantine.

Each method is one named statement in `sql/sync/`, committed by itself. What to write is decided elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from sync_platform.pull.account import Account, Proof, Status
from sync_platform.pull.watermark import Watermark, format_watermark, kind_of
from sync_platform.pull.window import Window
from sync_platform.vocabulary import RejectedRecord
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement

Row = dict[str, Any]
Connection = psycopg.Connection[TupleRow]


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


class Ledger:
    """One connection to the ledger tables of one source; a context manager. Every call commits.

    Raises:
        DatabaseUnreachableError: no connection could be made.
        RetryableError: the connection was lost; from any call.
        PermanentError: Postgres refuses; from any call.
    """

    def __init__(self, address: DatabaseAddress, source: str) -> None:
        self._source = source
        self._address = address
        self._connection = connect(address, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def open_sync(self, *, sync_id: int, run_id: str, window: Window, started_at: datetime) -> None:
        """Write the row of a sync that begins; status running."""
        self._execute(
            "open_sync",
            sync_id=sync_id,
            run_id=run_id,
            sync_type=window.sync_type,
            started_at=started_at,
            window_since=_written(window.since),
            window_until=_written(window.until),
        )

    def adopt_sync(self, *, sync_id: int, run_id: str) -> None:
        """Let this run go on with a sync that did not finish; a finished one stays as it is."""
        self._execute("adopt_sync", sync_id=sync_id, run_id=run_id)

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
        terms: Row = account.terms()
        terms["distinct_keys"] = terms.pop("distinct")
        self._execute(
            "save_account",
            sync_id=sync_id,
            proof=proof,
            pages=pages,
            bytes=body_bytes,
            errors=Jsonb(list(errors)),
            records_processed=account.records_processed,
            **terms,
        )

    def close_sync(
        self,
        *,
        sync_id: int,
        status: Status,
        completed_at: datetime,
        duration_seconds: float,
        watermark: tuple[Watermark | None, Watermark | None],
        newest_change_at: Watermark | None,
    ) -> None:
        """Write how the sync ended; `watermark` is what it was before and after."""
        self._execute(
            "close_sync",
            sync_id=sync_id,
            status=status,
            completed_at=completed_at,
            duration_seconds=round(duration_seconds, 2),
            watermark_before=_written(watermark[0]),
            watermark_after=_written(watermark[1]),
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

    def move_watermark(self, key: str, watermark: Watermark) -> None:
        """Move the watermark forward; an earlier time or smaller integer changes nothing."""
        self._execute("write_watermark", key=key, value=format_watermark(watermark), kind=kind_of(watermark))

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
        self._execute_many("queue_page", parameters)

    def queue_batch(self, sync_id: int, batch: QueuedBatch) -> None:
        """Name the landed rows that could not be written; a sync has at most one such entry open."""
        self._execute(
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
        self._execute("release_dead_claims")

    def return_claims(self) -> None:
        """Give back what this drain has claimed, as if it had not been tried; only with the lock held."""
        self._execute("return_claims")

    def claim_due_entries(self, *, at: datetime, is_all: bool, limit: int) -> list[Row]:
        """Claim entries to try now, oldest first; columns as `claim_due_entries` returns them."""
        rows = self._execute("claim_due_entries", at=at, is_all=is_all, most=limit)
        return sorted(rows, key=lambda row: row["id"])

    def finish_entry(
        self, entry_id: int, *, status: str, error: str | None = None, next_attempt_at: datetime | None = None
    ) -> None:
        """Write how an attempt at an entry ended."""
        self._execute(
            "finish_entry", id=entry_id, status=status, error=error, next_attempt_at=next_attempt_at
        )

    def complete_page(self, entry_id: int, sync_id: int, account: Account) -> None:
        """Mark a queued page as done and add its records to the account of its sync, both or neither."""
        self._complete(entry_id, "add_to_account", sync_id, account)

    def complete_batch(self, entry_id: int, sync_id: int, account: Account) -> None:
        """Mark a queued batch as done and add its rows' ends to the account of its sync, both or neither."""
        self._complete(entry_id, "settle_batch", sync_id, account)

    def _complete(self, entry_id: int, name: str, sync_id: int, account: Account) -> None:
        connection = self._living_connection()
        with classifying(self._doing(name)), connection.transaction():
            self._run(
                connection, "finish_entry", id=entry_id, status="done", error=None, next_attempt_at=None
            )
            self._run(connection, name, sync_id=sync_id, accounted=account.accounted, **account.terms())

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
        return tuple(row["id"] for row in self._execute_many("quarantine_record", parameters))

    def quarantined_keys(self, sync_id: int) -> list[str | None]:
        """Keys of the records that this sync quarantined; None for those without one."""
        return [row["external_id"] for row in self._execute("quarantined_keys", sync_id=sync_id)]

    def open_quarantine(self, sync_id: int) -> frozenset[str]:
        """Keys whose records earlier syncs quarantined."""
        return frozenset(row["external_id"] for row in self._execute("open_quarantine", sync_id=sync_id))

    def resolve_quarantine(self, sync_id: int, external_ids: Iterable[str]) -> None:
        """Close the entries of keys whose good version has been loaded."""
        self._execute("resolve_quarantine", sync_id=sync_id, external_ids=list(external_ids))

    def resolve_mended(self, sync_id: int, *, found: Iterable[int]) -> None:
        """Close the entries that this sync does not make any more, because the YAML was mended since."""
        self._execute("resolve_mended", sync_id=sync_id, found=list(found))

    def syncs_with_pending_batches(self) -> frozenset[int]:
        """Syncs whose landed files are still needed by the queue."""
        return frozenset(row["sync_id"] for row in self._execute("pending_batches"))

    def _execute(self, name: str, **values: Any) -> list[Row]:
        connection = self._living_connection()
        with classifying(self._doing(name)):
            return self._run(connection, name, **values)

    def _run(self, connection: Connection, name: str, **values: Any) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(statement(f"sync/{name}"), {"source": self._source, **values})
            return cursor.fetchall() if cursor.description else []

    def _living_connection(self) -> Connection:
        """The connection, made anew where the server has dropped it since the last call.

        Asked before each statement, because after it nobody knows whether it was carried out.
        """
        try:
            self._connection.execute("select 1")
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = connect(self._address, autocommit=True)
        return self._connection

    def _execute_many(self, name: str, parameters: list[Row]) -> list[Row]:
        """Execute a statement for each, all or none; returns the rows of those that return any."""
        if not parameters:
            return []
        connection = self._living_connection()
        with (
            classifying(self._doing(name)),
            connection.cursor(row_factory=dict_row) as cursor,
            connection.transaction(),
        ):
            cursor.executemany(statement(f"sync/{name}"), parameters, returning=True)
            return [row for result in cursor.results() if result.description for row in result.fetchall()]

    def _doing(self, name: str) -> str:
        return f"keeping the books of {self._source} ({name})"


def error_entry(page: int | None, reason: str, at: datetime) -> dict[str, Any]:
    """One entry of `errors` (seed 001, "Error Handler")."""
    return {"page": page, "error": reason, "timestamp": format_watermark(at)}


def _written(watermark: Watermark | None) -> str | None:
    return None if watermark is None else format_watermark(watermark)


def _error_list(page: int | None, reason: str, at: datetime) -> Jsonb:
    return Jsonb([error_entry(page, reason, at)])
