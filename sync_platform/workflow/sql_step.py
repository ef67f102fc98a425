"""A SQL statement and its mark, both or neither: a statement that is marked as done was done exactly once.

Values are bound on the client's side, quoted by psycopg, because DDL takes no parameters from the server's;
identifiers are composed, from the YAML's own words or a hash.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement
from sync_platform.workflow.grammar import HashedIdentifierSpec
from sync_platform.workflow.ledger import WorkflowLedger
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.stopping import Stop
from sync_platform.workflow.values_of_steps import Values, bound_values

_LONGEST_IDENTIFIER_BYTES = 63
_HASH_DIGITS = 32
_CANCEL_TIMEOUT_S = 5.0
_CANCEL_EVERY_S = 0.1

Identifiers = Mapping[str, str | HashedIdentifierSpec]


def execute_once(
    context: WorkflowContext,
    claim: Claim,
    step: str,
    name: str,
    values: Values,
    *,
    stop: Stop,
    timeout_s: float,
    identifiers: Identifiers | None = None,
    save: str | None = None,
) -> None:
    """Execute a statement, save what it returns, and mark its step as done, in one transaction.

    Args:
        context: the workflow's.
        claim: the key and who holds it.
        step: the name of the mark.
        name: the file in `sql/`.
        values: the variables.
        stop: cancels the statement.
        timeout_s: after which Postgres itself ends it, were this process gone.
        identifiers: what `{name}` in the file stands for.
        save: the variable that the first value is saved to.

    Raises:
        LostRunError: another run took the key over; nothing was done.
        RetryableError, PermanentError: Postgres refused, or it was stopped; nothing was done.
    """
    text = _composed(name, values, identifiers or {})
    bound = bound_values(name, values)
    # The connection is closed without commit where anything below raises, which rolls back.
    with closing(connect(context.address)) as connection:
        ledger = WorkflowLedger(connection, context.name)
        with _cancelled_by(stop, connection):
            cursor = _execute(connection, text, bound, name, stop=stop, timeout_s=timeout_s)
            if save is not None:
                _save(ledger, claim, save, cursor, name)
        ledger.fence(claim.hold)
        ledger.end_step(claim.hold, step, "succeeded", context.now())
        with classifying(f"committing sql/{name}"):
            connection.commit()


@contextmanager
def _cancelled_by(stop: Stop, connection: psycopg.Connection[TupleRow]) -> Iterator[None]:
    """Cancel what Postgres does in the block once stopped, again and again: it may be about to begin only."""
    is_over = threading.Event()

    def insist() -> None:
        while not is_over.is_set():
            _cancel(connection)
            is_over.wait(_CANCEL_EVERY_S)

    insisting = threading.Thread(target=insist, name="cancel", daemon=True)
    try:
        with stop.heard_by(insisting.start):
            yield
    finally:
        is_over.set()
        if insisting.ident is not None:
            insisting.join()


def _cancel(connection: psycopg.Connection[TupleRow]) -> None:
    """Ask Postgres to end the statement; where it cannot be asked, `statement_timeout` ends it."""
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=_CANCEL_TIMEOUT_S)


def _execute(
    connection: psycopg.Connection[TupleRow],
    text: sql.SQL | sql.Composed,
    bound: Mapping[str, Any],
    name: str,
    *,
    stop: Stop,
    timeout_s: float,
) -> psycopg.ClientCursor[TupleRow]:
    cursor = psycopg.ClientCursor(connection)
    try:
        with classifying(f"running sql/{name}"):
            connection.execute(
                "select set_config('statement_timeout', %s, true)", [f"{max(1, round(timeout_s * 1000))}ms"]
            )
            if stop.reason is None:
                cursor.execute(text, bound or None)
    except RetryableError:
        if stop.reason is None:
            raise
    if stop.reason is not None:
        raise RetryableError(f"sql/{name} was stopped: {stop.reason}")
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise PermanentError(
            f"sql/{name} ends the transaction by itself, so that nobody can tell whether it was done. "
            "Leave begin, commit and rollback out."
        )
    return cursor


def _save(
    ledger: WorkflowLedger,
    claim: Claim,
    variable: str,
    cursor: psycopg.ClientCursor[TupleRow],
    name: str,
) -> None:
    """Save the first value of the first row; without a row the variable keeps its default."""
    if cursor.description is None:
        raise PermanentError(f"sql/{name} returns no rows at all, so that `{variable}` cannot be saved.")
    row = cursor.fetchone()
    if row is None:
        if variable not in claim.variables:
            raise PermanentError(
                f"sql/{name} returned no row, and the variable `{variable}` has no default. "
                "Give it one in `variables`, or see why there is none."
            )
        return
    try:
        ledger.keep_variables(claim.key, "step", {variable: row[0]})
    except ValueError as error:
        raise PermanentError(f"sql/{name}: {error}") from None


def _composed(name: str, values: Values, identifiers: Identifiers) -> sql.SQL | sql.Composed:
    text = sql.SQL(statement(name))
    if not identifiers:
        return text
    try:
        return text.format(**{one: _identifier(what, values) for one, what in identifiers.items()})
    except (KeyError, IndexError, ValueError):
        raise PermanentError(
            f"sql/{name} has a {{placeholder}} that is none of its identifiers: {', '.join(identifiers)}. "
            "Double a brace that is meant literally."
        ) from None


def _identifier(what: str | HashedIdentifierSpec, values: Values) -> sql.Identifier:
    if isinstance(what, str):
        name = what
    else:
        digest = hashlib.sha256(str(values[what.hash_of]).encode()).hexdigest()
        name = f"{what.prefix}{digest[:_HASH_DIGITS]}"
    if len(name.encode()) > _LONGEST_IDENTIFIER_BYTES:
        raise PermanentError(f"The identifier `{name}` is longer than {_LONGEST_IDENTIFIER_BYTES} bytes.")
    return sql.Identifier(*name.split("."))
