"""One session of the bulk load's driver: its statements, its transactions, and what its failures mean.

Here belongs how ADBC is spoken to. What is said stands in `merge_sql`, and when in `upsert`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from adbc_driver_manager import dbapi
from adbc_driver_postgresql import StatementOptions

from sync_platform.vocabulary import RetryableError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import SESSION_KEYWORDS, unreachable
from sync_platform.warehouse.failures import lost
from sync_platform.warehouse.interrupts import interruptible

_FEW_ROWS_AT_ONCE = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(2**20)}


class LoadSession:
    """Executes statements in one connection; a signal ends each of them.

    Args:
        connection: open, and this session's own.
        doing: what it is for, as failures tell it.

    Raises:
        dbapi.Error: what Postgres says; see `failures.classifying`.
        RetryableError: the connection was lost while rows came; from any call that returns some.
    """

    def __init__(self, connection: dbapi.Connection, doing: str) -> None:
        self._connection = connection
        self._doing = doing
        self.is_in_transaction = False

    @classmethod
    def open(cls, address: DatabaseAddress, doing: str) -> Self:
        """Connect.

        Raises:
            RetryableError: no connection could be made.
        """
        try:
            return cls(adbc.connect(address.with_defaults(**SESSION_KEYWORDS).uri()), doing)
        except dbapi.Error as error:
            raise RetryableError(str(unreachable(address, str(error)))) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; within another one it is a part of that."""
        if self.is_in_transaction:
            yield
            return
        # The driver has always one open; in its autocommit mode it would end ours at a bound statement.
        self.is_in_transaction = True
        try:
            yield
            self._connection.commit()
        except BaseException:  # a signal's too: nothing of the block may stay
            with suppress(dbapi.Error):
                self._connection.rollback()
            raise
        finally:
            self.is_in_transaction = False

    def run(self, command: str, *values: object) -> None:
        """Execute a statement."""
        with self._connection.cursor() as cursor:
            interruptible(lambda: cursor.execute(command, values or None), cursor.adbc_cancel)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute a query and return its rows."""
        with self._connection.cursor() as cursor, self._told_as_lost():
            return interruptible(lambda: cursor.execute(query, values or None).fetchall(), cursor.adbc_cancel)

    def scalar(self, query: str) -> Any:
        """Execute a query of one row and column, and return that."""
        [(value,)] = self.rows(query)
        return value

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Execute a query and return its rows as they come, a megabyte at a time; take all of them."""
        with self._connection.cursor() as cursor, self._told_as_lost():
            cursor.adbc_statement.set_options(**_FEW_ROWS_AT_ONCE)
            interruptible(lambda: cursor.execute(query), cursor.adbc_cancel)
            reader = cursor.fetch_record_batch()
            while (batch := interruptible(lambda: next(reader, None), cursor.adbc_cancel)) is not None:
                yield batch

    def copy(self, rows: pa.Table, table: str) -> None:
        """Append rows to a temporary table by COPY."""
        with self._connection.cursor() as cursor:
            interruptible(
                lambda: cursor.adbc_ingest(table, rows, mode="append", temporary=True), cursor.adbc_cancel
            )

    def close(self) -> None:
        """End the session; a second time does nothing."""
        # A connection that was lost cannot be closed in peace, and need not be.
        with suppress(dbapi.Error):
            self._connection.close()

    @contextmanager
    def _told_as_lost(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # What goes wrong between Arrow's reader and the socket is no error of the driver's.
            raise RetryableError(lost(self._doing)) from None
