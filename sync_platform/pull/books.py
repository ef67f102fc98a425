"""One connection for the named statements of the ledgers, and whose turn it is to write.

A run takes its turn with its source's lock. Should it lose the lock with its connection and work on without
knowing, another run takes its turn, and every later write of the first one is refused in its transaction.
What is written belongs to `ledger`.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow, dict_row

from sync_platform.pull.reports import PullContext
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.connect import KeptConnection
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.fence import Fence
from sync_platform.warehouse.interrupts import interruptible
from sync_platform.warehouse.statements import statement

Row = dict[str, Any]
Connection = psycopg.Connection[TupleRow]
Write = Callable[..., list[Row]]


def turn_fence(source: str, run_id: str) -> Fence:
    """What a write of this run asks before it commits: whether it is still the run's turn."""
    return Fence(
        query=statement("sync/hold_turn"),
        values=(source, run_id),
        refusal=f"It is not this run's turn to write for {source}: it lost its lock, and another run has "
        "taken over. Nothing more was written; the other run reads everything again",
    )


@contextmanager
def connection_of(context: PullContext) -> Iterator[KeptConnection]:
    """Lend the run's connection, or one for the block where the run keeps none."""
    if context.connection is not None:
        yield context.connection
        return
    with closing(KeptConnection(context.address)) as connection:
        yield connection


class Books:
    """The ledgers of one source, as one run reads and writes them. Every call commits.

    Args:
        connection: to the database.
        source: the source's noun.
        run_id: who writes.

    Raises:
        DatabaseUnreachableError: no connection could be made.
        RetryableError: the connection was lost; from any call.
        PermanentError: Postgres refuses, or it is another run's turn; from any call.
    """

    def __init__(self, connection: KeptConnection, source: str, *, run_id: str) -> None:
        self._connection = connection
        self._source = source
        self._run_id = run_id

    def require_turn(self) -> None:
        """Refuse to go on when another run has taken over; what is written later asks again."""
        with self._turn("require_turn"):
            pass

    def _execute(self, name: str, **values: Any) -> list[Row]:
        """Execute a statement whoever's turn it is: it reads, or writes what only this run can."""
        connection = self._connection.living()
        with classifying(self._doing(name)):
            return self._run(connection, name, **values)

    def _write(self, name: str, **values: Any) -> list[Row]:
        """Execute a statement while it is this run's turn."""
        with self.writing(name) as write:
            return write(name, **values)

    def _write_many(self, name: str, parameters: list[Row]) -> list[Row]:
        """Execute a statement for each, all or none; returns the rows of those that return any."""
        if not parameters:
            return []
        with self._turn(name) as connection, connection.cursor(row_factory=dict_row) as cursor:
            text = statement(f"sync/{name}")
            interruptible(
                lambda: cursor.executemany(text, parameters, returning=True), connection.cancel_safe
            )
            return [row for result in cursor.results() if result.description for row in result.fetchall()]

    @contextmanager
    def writing(self, what: str) -> Iterator[Write]:
        """Lend a function that executes statements while it is this run's turn: all of them or none."""
        with self._turn(what) as connection:
            yield lambda name, **values: self._run(connection, name, **values)

    @contextmanager
    def _turn(self, what: str) -> Iterator[Connection]:
        """A transaction, begun by asking whose turn it is: nobody takes over until it has committed."""
        fence = turn_fence(self._source, self._run_id)
        connection = self._connection.living()
        with classifying(self._doing(what)), connection.transaction():
            if not psycopg.RawCursor(connection).execute(fence.query, fence.values).fetchall():
                raise PermanentError(fence.refusal)
            yield connection

    def _run(self, connection: Connection, name: str, **values: Any) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            text, bound = statement(f"sync/{name}"), {"source": self._source, **values}
            interruptible(lambda: cursor.execute(text, bound), connection.cancel_safe)
            return cursor.fetchall() if cursor.description else []

    def _doing(self, name: str) -> str:
        return f"keeping the books of {self._source} ({name})"
