"""How keys stand, for people: read from the ledger, whoever ran them and whether they still live."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sync_platform.vocabulary import PermanentError
from sync_platform.workflow.ledger import Row, WorkflowLedger, open_ledger
from sync_platform.workflow.push_step import target_of
from sync_platform.workflow.reports import StepReport, StepStatus, WorkflowContext, WorkflowReport

_INTERRUPTED = "interrupted; the next attempt does it again"


def describe(context: WorkflowContext, key: str) -> WorkflowReport:
    """Tell how a key stands, with all its steps.

    Raises:
        PermanentError: the key was never claimed.
    """
    with open_ledger(context) as ledger:
        run = ledger.run(key)
        if run is None:
            raise PermanentError(f"{key} of {context.name} was never run.")
        return _report(context, ledger, run)


def describe_all(context: WorkflowContext, *, most: int = 100) -> tuple[WorkflowReport, ...]:
    """Tell how the latest keys stand, latest first."""
    with open_ledger(context) as ledger:
        return tuple(_report(context, ledger, run) for run in ledger.runs(most=most))


def describe_step(context: WorkflowContext, ledger: WorkflowLedger, key: str, name: str) -> StepReport:
    """Tell how one step stands while its key runs."""
    return _step_report(context, ledger, key, name, _last(ledger.steps(key)).get(name), is_running=True)


def _report(context: WorkflowContext, ledger: WorkflowLedger, run: Row) -> WorkflowReport:
    rows, key = ledger.steps(run["key"]), run["key"]
    last, is_running = _last(rows), run["status"] == "running"
    names = [step.name for step in context.spec.steps]
    return WorkflowReport(
        key=key,
        attempt=run["attempt"],
        status=run["status"],
        reason=run["reason"],
        failed_step=run["failed_step"],
        next_attempt_at=run["next_attempt_at"],
        started_at=run["started_at"],
        finished_at=run["finished_at"],
        steps=tuple(
            _step_report(context, ledger, key, name, last.get(name), is_running=is_running) for name in names
        ),
        actions=tuple(
            _as_report(row, row["status"], row["error"])
            for row in rows
            if row["attempt"] == run["attempt"] and row["step"].startswith("on_") and row["step"] not in names
        ),
    )


def _last(rows: Iterable[Row]) -> dict[str, Row]:
    """The row that counts of each step: the one that succeeded, else the latest."""
    last: dict[str, Row] = {}
    for row in rows:
        if row["step"] not in last or last[row["step"]]["status"] != "succeeded":
            last[row["step"]] = row
    return last


def _step_report(
    context: WorkflowContext,
    ledger: WorkflowLedger,
    key: str,
    name: str,
    row: Mapping[str, Any] | None,
    *,
    is_running: bool,
) -> StepReport:
    if row is None:
        return StepReport(name, "waiting")
    is_send = context.spec.step(name).kind == "push"
    account = ledger.audience(target_of(context.name, name, key)) if is_send else None
    if row["status"] == "running" and not is_running:
        return _as_report(row, "waiting", _INTERRUPTED, account)
    return _as_report(row, cast("StepStatus", row["status"]), row["error"], account)


def _as_report(
    row: Mapping[str, Any], status: StepStatus, error: str | None, account: Any = None
) -> StepReport:
    return StepReport(
        step=row["step"],
        status=status,
        attempt=row["attempt"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=error,
        account=account,
        terms=row["terms"],
    )
