"""The bulk load: stage Arrow batches by COPY, judge them once, write only what really changes.

Here belongs the course of a load. Its statements are `merge_sql`, the shape of a batch is `staging`.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import dbapi

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.failures import classifying, described, is_data_error, told
from sync_platform.warehouse.fence import Fence
from sync_platform.warehouse.load_session import LoadSession
from sync_platform.warehouse.merge_sql import WRITTEN_VERDICTS, MergeSql
from sync_platform.warehouse.missing import MissingRule, MissingSql
from sync_platform.warehouse.staging import COMPARED_TYPES, KeyWatch, conformed, staging_schema
from sync_platform.warehouse.statements import statement
from sync_platform.warehouse.tables import TargetTable
from sync_platform.warehouse.tally import LoadResult, RejectedRow, Tally

# Past this the fault is the declaration's, not the rows', and halving on would take hours.
MAX_REJECTED_ROWS = 10_000
INVALID_JSON = "22P02"
ATTEMPT = "select * from pg_temp.attempt($1, $2, $3, $4, $5, $6, $7)"
# The comparison hashes the smaller side, and a load of a million rows wants that in memory.
SESSION_SETTINGS = (
    "set time zone 'UTC'",
    "set work_mem = '128MB'",
    "set jit = off",
    # For plans over whole tables a rough picture of what is staged is enough, and looking takes time.
    "set default_statistics_target = 10",
    "set statement_timeout = 0",
    "set lock_timeout = '60s'",
    "set idle_in_transaction_session_timeout = 0",
    "set client_min_messages = error",
)


class UnstorableRowError(Exception):
    """A row cannot be stored, and which one cannot be looked for while the target is locked."""


class BulkLoad:
    """Loads batches into one table, in one session, with one commit at the end.

    A context manager around one connection. Stage any number of batches, then merge once. Nothing is
    seen by others before the merge; a load that is left before it, or killed, leaves nothing. Running
    it again with the same rows changes nothing.

    Args:
        address: the database.
        table: the target, as `ensure_table` left it.
        sync_id: the sync that writes; of two syncs with the same source time the later id wins.
        provenance: what `metadata.source` says.
        tombstone_columns: the columns that a tombstone sets, from the values staged with it.
        fence: what must still hold when the merge commits.
        watch: is shown every staged key; where it is sure that none came twice, Postgres need not look.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        table: TargetTable,
        *,
        sync_id: int,
        provenance: str,
        tombstone_columns: tuple[str, ...] = (),
        fence: Fence | None = None,
        watch: KeyWatch | None = None,
    ) -> None:
        self._address = address
        self._fence = fence
        self._watch = watch
        self._table = table
        self._schema = staging_schema(table)
        self._sql = MergeSql.fresh(table, tombstone_columns)
        self._provenance = provenance
        self._sync_id = sync_id
        self._loaded_at = datetime.now(UTC)
        self._tally = Tally()
        self._has_tombstones = False
        self._doing = f"loading into {table.name}"
        self._opened: LoadSession | None = None

    def __enter__(self) -> Self:
        """Open the load."""
        self.open()
        return self

    def open(self) -> None:
        """Connect and create the staging table.

        Raises:
            RetryableError: no connection could be made.
            PermanentError: the target is missing, or may not be read.
        """
        self._opened = LoadSession.open(self._address, self._doing)
        try:
            with classifying(self._doing), self._session.transaction():
                for setting in SESSION_SETTINGS:
                    self._session.run(setting)
                self._session.run(self._sql.create_staged())
                self._session.run(self._sql.create_verdicts())
                self._session.run(statement("load/create_attempt"))
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def stage(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Copy one batch into the staging table of this session; nothing is compared yet.

        The columns are those of `staging.staging_schema`. Rows without a key, and rows that Postgres
        cannot store, are set aside for `LoadResult.rejected`.

        Raises:
            UnstorableRowError: late in a merge, where such rows cannot be looked for; see `merge`.
            PermanentError: the batch does not have the staging columns.
            RetryableError: the connection was lost; begin the load again.
        """
        rows = conformed(batch, self._schema)
        if rows[self._table.key].null_count:
            has_key = pc.is_valid(rows[self._table.key])
            for place in _places(rows.filter(pc.invert(has_key)), self._table.key):
                self._reject(*place, f"NotNullViolation in column {self._table.key} (23502)")
            rows = rows.filter(has_key)
        if self._watch is not None:
            self._watch.add(rows[self._table.key])
        self._has_tombstones |= pc.any(rows["_is_deleted"], min_count=0).as_py()
        with classifying(self._doing):
            self._copy(rows)

    def can_compare(self) -> bool:
        """Whether rows of this table are worth comparing with `known_rows` before they are staged.

        There are some, their values come back as they were staged, and only keys of the same bytes are equal.

        Raises:
            RetryableError: the connection was lost; begin the load again.
        """
        if not {column.type for column in self._table.columns} <= COMPARED_TYPES:
            return False
        with classifying(self._doing), self._session.transaction():
            is_empty = self._session.scalar(self._sql.is_target_empty())
            return not is_empty and bool(self._session.scalar(self._sql.is_key_bytewise()))

    def known_rows(self, most: int) -> Iterator[pa.RecordBatch]:
        """Read the target's rows, at most so many, by the columns of `staging.compared_schema`.

        Take them all before the load goes on.

        Raises:
            RetryableError: the connection was lost; begin the load again.
        """
        with classifying(self._doing), self._session.transaction():
            yield from self._session.batches(self._sql.known_rows(most))

    def count_known(self, rows: int) -> None:
        """Count rows as unchanged that are not staged, because the target has them."""
        self._tally.known += rows

    def merge(
        self,
        missing: MissingRule | None = None,
        *,
        loaded_at: datetime,
        stage_late: Callable[[], None] | None = None,
    ) -> LoadResult:
        """Write what differs from the target, commit, and return the account of every staged row.

        `loaded_at`, aware, is what `updated_at` and `metadata.synced_at` of a row that really changes say.

        `stage_late` is called when the target is locked, so that what it finds in `known_rows` stays true.

        With a rule for missing rows, what was staged is everything that the source has, and known rows
        that are not among it are set as the rule says, in the same commit.

        The target is locked against other writers until the commit, readers go on. Rows that Postgres
        refuses are found by halving their batch; all others are loaded.

        Raises:
            UnstorableRowError: a row that was staged late cannot be stored; nothing was written. Stage all
                rows beforehand in another load, which names it.
            RetryableError: the connection was lost, or a lock was not free; nothing was written, unless
                the loss came while committing. Loading again is right in both cases.
            PermanentError: a privilege, disk or the like; or more than 10,000 rows were refused; or more
                rows are missing than the rule allows; or the fence does not hold. Nothing was written.
        """
        self._loaded_at = loaded_at.astimezone(UTC)
        with classifying(self._doing), self._session.transaction():
            if stage_late is not None:
                self._session.run(self._sql.lock_target())
                stage_late()
            self._session.run(self._sql.analyze_staged())
            self._drop_duplicates()
            self._session.run(self._sql.lock_target())
            self._session.run("set constraints all immediate")
            if self._write():
                self._write_in_parts()
            if missing is not None:
                self._deactivate(missing)
            self._require_fence()
        return self._tally.result()

    def _require_fence(self) -> None:
        if self._fence is not None and not self._session.rows(self._fence.query, *self._fence.values):
            raise PermanentError(self._fence.refusal)

    @property
    def _constants(self) -> tuple[str, str, datetime, int]:
        """What every statement that writes is bound to, see `merge_sql`."""
        synced_at = self._loaded_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return self._provenance, synced_at, self._loaded_at, self._sync_id

    def _deactivate(self, rule: MissingRule) -> None:
        """Set what the rule says in the rows that were not brought; those that Postgres refused were."""
        statements = MissingSql(self._table, self._sql.staged, rule)
        refused = (row.key for row in self._tally.rejected if row.key is not None)
        provenance, synced_at, loaded_at, sync_id = self._constants
        values = statements.values(provenance, sync_id, refused)
        [(known,)] = self._session.rows(statements.count_known(), *values[:2])
        [(count,)] = self._session.rows(statements.count_missing(), *values)
        known_before = known - self._tally.verdicts.get("insert", 0)
        rule.require_plausible(
            missing=count, known=known_before, staged=self._tally.staged, table=self._table.name
        )
        if count:
            self._session.run(statements.deactivate(), *values, loaded_at, synced_at)
        self._tally.deactivated = count

    def _copy(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        try:
            with self._session.transaction():
                self._session.copy(rows, self._sql.staged)
        except dbapi.Error as error:
            if not is_data_error(error):
                raise
            if self._session.is_in_transaction:
                raise UnstorableRowError from None
            self._copy_halves(rows, described(error))
        else:
            self._tally.staged += rows.num_rows

    def _copy_halves(self, rows: pa.Table, reason: str) -> None:
        if rows.num_rows == 1:
            self._reject(*next(_places(rows, self._table.key)), reason)
            return
        middle = rows.num_rows // 2
        self._copy(rows.slice(0, middle))
        self._copy(rows.slice(middle))

    def _drop_duplicates(self) -> None:
        if not self._are_keys_distinct():
            self._tally.duplicate = self._session.scalar(self._sql.delete_duplicates())
        self._tally.distinct = self._tally.staged - self._tally.duplicate

    def _are_keys_distinct(self) -> bool:
        """Whether no key came twice for sure, also by the target's own idea of what is equal."""
        if self._watch is None or not self._watch.are_distinct:
            return False
        return bool(self._session.scalar(self._sql.is_key_bytewise()))

    def _write(self) -> str | None:
        """Write all at once; return the reason when a row's fault undid it."""
        if self._session.scalar(self._sql.is_target_empty()):
            deleted = self._session.scalar(self._sql.count_tombstones()) if self._has_tombstones else 0
            live = self._tally.staged - self._tally.duplicate - deleted
            self._tally.verdicts = {"insert": live, "deleted": deleted}
            return self._attempt(self._sql.insert_all())
        return self._judge() or self._attempt(*self._writes(part=False))

    def _judge(self) -> str | None:
        fault = self._attempt(self._sql.judge())
        self._tally.verdicts = dict(self._session.rows(self._sql.count_verdicts()))
        return fault

    def _writes(self, *, part: bool) -> Iterator[str]:
        for verdict in WRITTEN_VERDICTS:
            if self._tally.verdicts.get(verdict):
                yield self._sql.writes(verdict, part=part)

    def _write_in_parts(self) -> None:
        """Load part after part, halving each that is refused until its guilty rows stand alone."""
        for place, key, column in self._session.rows(self._sql.delete_invalid_json()):
            self._tally.staged -= 1
            self._reject(place, key, told(INVALID_JSON, None, column))
        self._session.run(self._sql.forget_verdicts())
        if fault := self._judge():
            raise PermanentError(f"The rows for {self._table.name} cannot be compared with it: {fault}.")
        for numbering in self._sql.number_parts():
            self._session.run(numbering)
        writes = tuple(self._writes(part=True))
        parts = self._session.rows(self._sql.parts())
        while parts:
            start, end = parts.pop()
            fault = self._attempt(*writes, start=start, end=end)
            if fault and end - start > 1:
                middle = (start + end) // 2
                parts += [(middle, end), (start, middle)]
            elif fault:
                self._reject_at(start, fault)

    def _attempt(self, *statements: str, start: int = 0, end: int = 0) -> str | None:
        """Run statements all or nothing; return the reason when a row's fault undid them.

        The driver gives up a transaction at its first error, so the server catches it.
        """
        values = (json.dumps(statements), *self._constants, start, end)
        [(state, constraint, column)] = self._session.rows(ATTEMPT, *values)
        return told(state, constraint, column) if state else None

    def _reject_at(self, position: int, reason: str) -> None:
        [(place, key, verdict)] = self._session.rows(self._sql.row_at(), position)
        self._tally.staged -= 1
        self._tally.verdicts[verdict] -= 1
        self._reject(place, key, reason)

    def _reject(self, place: int, key: str | None, reason: str) -> None:
        if len(self._tally.rejected) == MAX_REJECTED_ROWS:
            raise PermanentError(
                f"Postgres refuses more than {MAX_REJECTED_ROWS:,} rows for {self._table.name}, at last for "
                f"{reason}. Nothing was loaded: compare the declared columns with the table's constraints."
            )
        self._tally.rejected.append(RejectedRow(place, key, reason))

    @property
    def _session(self) -> LoadSession:
        if self._opened is None:
            raise PermanentError("A bulk load is used outside of its `with` block.")
        return self._opened

    def close(self) -> None:
        """End the session, and with it what is staged; a second time does nothing."""
        if self._opened:
            self._opened.close()
            self._opened = None


def _places(rows: pa.Table, key: str) -> Iterator[tuple[int, str | None]]:
    for row in rows.select(["_place", key]).to_pylist():
        yield row["_place"], None if row[key] is None else str(row[key])
