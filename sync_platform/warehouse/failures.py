"""What a database error means: retry, give up, or the row is to blame. Decided here, once.

Here belongs the reading of SQLSTATEs (Postgres manual, appendix A). Postgres' own messages and details
quote customers' values, so nothing of them is ever passed on; states and names are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from adbc_driver_manager import dbapi
from psycopg import errors

from sync_platform.vocabulary import PermanentError, RetryableError, SyncPlatformError

# 54000 is a key that no index can hold.
DATA_STATES = ("22", "23", "54000")
LOST_CLASSES = ("08", "57P")
RETRYABLE = {
    "40001": "two transactions met; the same work may succeed now",
    "40P01": "two transactions waited for each other; the same work may succeed now",
    "55P03": "another session held its lock for too long; look for a long transaction",
    "57014": "the statement was cancelled, by a timeout or by hand",
}
PERMANENT = {
    "25006": "the database is read-only; point DATABASE_URL at the primary",
    "42501": "the user lacks a privilege there; grant it",
    "53100": "its disk is full; make room",
}
DatabaseError = psycopg.Error | dbapi.Error


class DatabaseBusyError(RetryableError):
    """Postgres answered and gave up: a lock, a deadlock, a time limit, resources. Nothing was written."""


def classified(error: DatabaseError, doing: str) -> SyncPlatformError:
    """Return the failure that a database error is, for `raise ... from error`'s left side.

    Args:
        error: what psycopg or ADBC raised.
        doing: what was being done, to which table, such as "loading into users".
    """
    state = error.sqlstate
    if state is None and isinstance(error, (psycopg.ProgrammingError, dbapi.ProgrammingError)):
        return PermanentError(f"Postgres was used wrongly while {doing}: {type(error).__name__}.")
    if state is None or state.startswith(LOST_CLASSES):
        return RetryableError(lost(doing))
    if state in PERMANENT:
        return PermanentError(f"Postgres refused while {doing} ({state}): {PERMANENT[state]}.")
    if state in RETRYABLE:
        return DatabaseBusyError(f"Postgres gave up while {doing} ({state}): {RETRYABLE[state]}.")
    if state.startswith("53"):
        return DatabaseBusyError(f"Postgres is short of resources while {doing} ({described(error)}).")
    return PermanentError(f"Postgres refused while {doing}: {described(error)}.")


def lost(doing: str) -> str:
    """Return the message for a connection that ended while something was being done."""
    return f"The connection to Postgres was lost while {doing}. It may be tried again."


def is_data_error(error: DatabaseError) -> bool:
    """Say whether a value is to blame: SQLSTATE class 22 (data), 23 (constraints), or a key too long."""
    return (error.sqlstate or "").startswith(DATA_STATES)


def described(error: DatabaseError) -> str:
    """Return the SQLSTATE, its name, and the constraint or column, never a value."""
    return told(error.sqlstate or "no SQLSTATE", *_names(error))


def told(state: str, constraint: str | None, column: str | None) -> str:
    """Return a SQLSTATE in words, with the constraint or column that it is about."""
    where = f" of constraint {constraint}" if constraint else f" in column {column}" if column else ""
    return f"{_state_name(state)}{where} ({state})"


@contextmanager
def classifying(doing: str) -> Iterator[None]:
    """Turn a database error of the block into the failure that it is, without its values.

    Raises:
        RetryableError, PermanentError: see `classified`.
    """
    try:
        yield
    except (psycopg.Error, dbapi.Error) as error:
        # The chain would print the driver's message, which quotes values.
        raise classified(error, doing) from None


def _names(error: DatabaseError) -> tuple[str | None, str | None]:
    if isinstance(error, psycopg.Error):
        return error.diag.constraint_name, error.diag.column_name
    details = {_text(name): _text(value) for name, value in error.details}
    return details.get("PG_DIAG_CONSTRAINT_NAME"), details.get("PG_DIAG_COLUMN_NAME")


def _text(part: str | bytes) -> str:
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _state_name(state: str) -> str:
    try:
        return errors.lookup(state).__name__
    except KeyError:
        return "error"
