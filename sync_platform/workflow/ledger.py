"""What a workflow writes down: workflow_runs, workflow_steps and workflow_variables.

Each method is one named statement in `sql/workflow/`. What to write is decided elsewhere. A ledger works on
the connection that it is given: by itself in autocommit, or inside somebody's transaction.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.reports import Hold, RunStatus, StepStatus, WorkflowContext
from sync_platform.workflow.values import restored, stored

_LIMITS = "set statement_timeout = '60s'"
"""Books are quick; a query of the YAML's (`while`, `suppress`, `exists`) that hangs must not hang the run."""

Row = dict[str, Any]
Origin = Literal["row", "schedule", "launch", "step"]


class LostRunError(PermanentError):
    """Another run took the key over; this one may not write any more."""


class WorkflowLedger:
    """The books of one workflow, on one connection.

    Args:
        connection: to the database; inside somebody's transaction, or in autocommit.
        workflow: its name.
        reopen: makes another connection where this one was lost between two statements; for autocommit only.
    """

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        workflow: str,
        *,
        reopen: Callable[[], psycopg.Connection[TupleRow]] | None = None,
    ) -> None:
        self._connection = connection
        self._workflow = workflow
        self._reopen = reopen

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def first_row(self, name: str, values: Mapping[str, Any], doing: str) -> tuple[Any, ...] | None:
        """Ask a query of the YAML's, and return its first row, or None.

        Args:
            name: the file in `sql/`.
            values: what it binds.
            doing: for the message of a failure.
        """
        with classifying(doing):
            return self._alive().execute(statement(name), values or None).fetchone()

    def claim(
        self, hold: Hold, *, run_id: str, lease_s: float, now: datetime, is_by_hand: bool
    ) -> int | None:
        """Take a key; returns the attempt, or None where it cannot be taken."""
        rows = self._execute(
            "claim",
            key=hold.key,
            holder=hold.holder,
            run_id=run_id,
            lease_s=lease_s,
            now=now,
            is_by_hand=is_by_hand,
        )
        return rows[0]["attempt"] if rows else None

    def keep_variables(self, key: str, origin: Origin, values: Mapping[str, Any]) -> None:
        """Write values of one origin; others of that origin stay."""
        for name, value in values.items():
            self._execute("keep_variable", key=key, name=name, origin=origin, value=stored(value))

    def forget_variables(self, key: str, origins: Sequence[Origin]) -> None:
        """Drop the values of some origins."""
        self._execute("forget_variables", key=key, origins=list(origins))

    def variables(self, key: str) -> dict[str, Any]:
        """Return the values beside the defaults, the winning one of each name."""
        rows = self._execute("variable_rows", key=key)
        return {row["name"]: restored(row["value"]) for row in rows}

    def renew(self, hold: Hold, lease_s: float) -> bool:
        """Give a sign of life; False where another one took over."""
        return bool(self._execute("renew", **_of(hold), lease_s=lease_s))

    def fence(self, hold: Hold) -> None:
        """Make sure until the transaction's end that the key is still ours.

        Raises:
            LostRunError: another one took over.
        """
        self._mine("fence", hold)

    def expired_keys(self) -> list[str]:
        """Return the keys of runs that gave no sign for longer than their lease."""
        return [row["key"] for row in self._execute("expired_keys")]

    def take_over(self, hold: Hold, lease_s: float) -> Row | None:
        """Take a dead run over; its row, or None where it is not dead (any more)."""
        rows = self._execute("take_over", **_of(hold), lease_s=lease_s)
        return rows[0] if rows else None

    def run(self, key: str) -> Row | None:
        """Return how a key stands, or None before its first claim."""
        rows = self.runs([key], most=1)
        return rows[0] if rows else None

    def runs(self, keys: Sequence[str] | None = None, *, most: int | None = None) -> list[Row]:
        """Return how some keys stand, or all, latest first."""
        return self._execute("run_rows", keys=None if keys is None else list(keys), most=most)

    def begin_step(self, hold: Hold, step: str, now: datetime) -> bool:
        """Note that a step begins; False where this attempt did it already.

        Raises:
            LostRunError: another one took over.
        """
        return bool(self._mine("begin_step", hold, step=step, now=now)["status"] == "running")

    def end_step(
        self,
        hold: Hold,
        step: str,
        status: StepStatus,
        now: datetime,
        *,
        error: str | None = None,
        terms: Mapping[str, Any] | None = None,
    ) -> StepStatus:
        """Write how a step ended, and return it; what succeeded stays so, whatever its caller saw of it.

        Raises:
            LostRunError: another one took over.
        """
        values = {"step": step, "status": status, "error": error, "terms": Jsonb(terms or {}), "now": now}
        written: StepStatus = self._mine("end_step", hold, **values)["status"]
        return written

    def steps(self, key: str) -> list[Row]:
        """Return what all attempts of a key did, oldest first."""
        return self._execute("step_rows", key=key)

    def give_verdict(
        self,
        hold: Hold,
        verdict: Literal["done", "failed"],
        *,
        failed_step: str | None = None,
        reason: str | None = None,
        next_attempt_at: datetime | None = None,
    ) -> None:
        """Write how the steps ended, before the actions that follow.

        Raises:
            LostRunError: another one took over.
        """
        self._mine(
            "give_verdict",
            hold,
            verdict=verdict,
            failed_step=failed_step,
            reason=reason,
            next_attempt_at=next_attempt_at,
            is_failure=verdict == "failed",
        )

    def close_run(self, hold: Hold, status: RunStatus, now: datetime, *, reason: str | None = None) -> None:
        """End the attempt.

        Raises:
            LostRunError: another one took over.
        """
        self._mine("close_run", hold, status=status, reason=reason, now=now)

    def audience(self, target: str) -> AudienceAccount:
        """Count where the customers of a bulk send have ended."""
        return AudienceAccount(**self._execute("audience_account", target=target)[0])

    def _mine(self, name: str, hold: Hold, /, **values: Any) -> Row:
        rows = self._execute(name, **_of(hold), **values)
        if not rows:
            raise lost(self._workflow, hold.key)
        return rows[0]

    def _execute(self, name: str, /, **values: Any) -> list[Row]:
        with (
            classifying(f"keeping the books of the workflow {self._workflow}"),
            self._alive().cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(statement(f"workflow/{name}"), {"workflow": self._workflow} | values)
            return cursor.fetchall() if cursor.description else []

    def _alive(self) -> psycopg.Connection[TupleRow]:
        """Return the connection, or another one where it was lost while nobody used it."""
        if self._reopen is not None:
            try:
                self._connection.execute("")
            except psycopg.OperationalError:
                self._connection.close()
                self._connection = self._reopen()
        return self._connection


def lost(workflow: str, key: str) -> LostRunError:
    """Return the error of a run that may not write any more."""
    return LostRunError(
        f"Another run took over {key} of {workflow}; this one stops. "
        "What it had not written down is done again by the other one."
    )


@contextmanager
def open_ledger(context: WorkflowContext) -> Iterator[WorkflowLedger]:
    """Lend a ledger on a connection of its own, every statement committed by itself."""

    def reopen() -> psycopg.Connection[TupleRow]:
        connection = connect(context.address, autocommit=True)
        connection.execute(_LIMITS)
        return connection

    with closing(WorkflowLedger(reopen(), context.name, reopen=reopen)) as ledger:
        yield ledger


def _of(hold: Hold) -> Row:
    return {"key": hold.key, "holder": hold.holder}
