"""Named locks between processes, machines included, that die with whoever holds them.

Here belongs only the lock. What is done while waiting, and who waits, is the caller's. A session-level
advisory lock needs a connection to Postgres itself: a pooler in transaction mode cannot hold one.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg.rows import TupleRow

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying

# A holder whose machine vanished is noticed by the server within about a minute, and an idle holder
# or a patient waiter is not cut off by the server's own limits.
SESSION_SETTINGS = """
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 3;
set statement_timeout = 0;
set lock_timeout = 0;
set idle_session_timeout = 0
"""
IS_HELD = """
select exists (
    select from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1 and pid = pg_backend_pid()
    and (classid::bigint << 32) | objid::bigint = %s
)
"""


class LockHeldError(PermanentError):
    """Another session holds the lock, and the caller did not want to wait."""


class NamedLock:
    """A lock that is held as long as its connection lives."""

    def __init__(self, connection: psycopg.Connection[TupleRow], key: int) -> None:
        self._connection = connection
        self._key = key

    def is_held(self) -> bool:
        """Say whether the lock is still ours, by asking the server.

        Once False it stays so: the connection is gone, another may hold the lock by now, and who
        thought to hold it must not write any more.
        """
        try:
            return self._connection.execute(IS_HELD, [self._key]).fetchone() == (True,)
        except psycopg.Error:
            return False


@contextmanager
def named_lock(
    address: DatabaseAddress, name: str, *, wait: bool, on_wait: Callable[[], None] = lambda: None
) -> Iterator[NamedLock]:
    """Hold the lock of this name, database-wide, for the time of the block.

    Args:
        address: the database; a connection of the lock's own is opened to it.
        name: any text; its hash is the key.
        wait: whether to wait, without limit, for another holder.
        on_wait: called once before waiting begins, to say so.

    Raises:
        LockHeldError: another holds it and `wait` is False.
        DatabaseUnreachableError: no connection could be made.
        RetryableError: the connection was lost while waiting.
    """
    # Closing never raises, even where the connection is lost: the holder asked `is_held` by then.
    with closing(connect(address, autocommit=True)) as connection:
        key = lock_key(name)
        with classifying(f"taking the lock {name}"):
            connection.execute(SESSION_SETTINGS)
            is_free = connection.execute("select pg_try_advisory_lock(%s)", [key]).fetchone() == (True,)
        if not is_free:
            if not wait:
                raise LockHeldError(
                    f"Another run holds the lock {name}. Wait for it to end, and start again."
                )
            on_wait()
            with classifying(f"waiting for the lock {name}"):
                connection.execute("select pg_advisory_lock(%s)", [key])
        yield NamedLock(connection, key)


def lock_key(name: str) -> int:
    """Return the signed 64-bit key of a name, the same on every machine and version."""
    digest = hashlib.blake2b(f"sync_platform:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
