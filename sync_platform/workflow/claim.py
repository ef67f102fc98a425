"""The claim: takes a key for this run, with the values that its steps will see.

The row is asked for anew, so that what is taken is what is due now. Of several that ask at once one is let
through, by one guarded statement.
"""

from typing import Any
from uuid import uuid4

from sync_platform.vocabulary import UsageError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.workflow.due import Candidate, candidates_of, is_known
from sync_platform.workflow.ledger import WorkflowLedger, open_ledger
from sync_platform.workflow.recovery import recover_key
from sync_platform.workflow.references import launch_names
from sync_platform.workflow.reports import Claim, Hold, Order, Refusal, Why, WorkflowContext
from sync_platform.workflow.walk import claimable

_MESSAGES: dict[Why, str] = {
    "unknown": "is unknown: the trigger's query does not return it, and nothing else knows it",
    "not_due": "is not due: the trigger's query does not return it now",
    "running": "is running already",
    "done": "is done",
    "failed": "has failed for good; mend the cause and run it by hand",
    "waiting": "is tried again later",
}


def claim(context: WorkflowContext, order: Order) -> Claim | Refusal:
    """Take a key for this run, or say why not; a dead run of the key is closed first.

    A rerun of the same run is refused, because the key is taken.

    Raises:
        UsageError: the launch gives a variable that the workflow does not have.
        PermanentError, RetryableError: the trigger's query fails, or the database was lost.
    """
    _require_launchable(context, order)
    recover_key(context, order.key)
    candidates, problems = candidates_of(context, order.by)
    for problem in problems:
        context.log(problem)
    row = next((one for one in candidates if one.key == order.key), None)
    if row is None:
        return _refused(order, "not_due" if is_known(context, order.key) else "unknown")
    hold = Hold(order.key, uuid4().hex)
    attempt = _take(context, order, row, hold)
    if attempt is None:
        with open_ledger(context) as ledger:
            run = ledger.run(order.key)
        return _refused(order, claimable(run, now=context.now(), is_by_hand=order.by == "hand") or "running")
    with open_ledger(context) as ledger:
        values = {**context.spec.variables, **ledger.variables(order.key)}
    late = context.spec.trigger.late
    is_missed = row.is_late and late is not None and late.policy == "skip"
    return Claim(hold, attempt, values, is_missed=is_missed)


def _take(context: WorkflowContext, order: Order, row: Candidate, hold: Hold) -> int | None:
    """Take the key and write its values, both or neither."""
    schedule = context.spec.trigger.schedule_spec
    scheduled: dict[str, Any] = dict(schedule.variables) if schedule and order.by == "schedule" else {}
    with classifying(f"claiming a key of {context.name}"), connect(context.address) as connection:
        ledger = WorkflowLedger(connection, context.name)
        attempt = ledger.claim(
            hold,
            run_id=context.run_id,
            lease_s=context.spec.lease_s,
            now=context.now(),
            is_by_hand=order.by == "hand",
        )
        if attempt is not None:
            ledger.forget_variables(order.key, ["row", "schedule"])
            ledger.keep_variables(order.key, "row", row.variables)
            ledger.keep_variables(order.key, "schedule", scheduled)
            ledger.keep_variables(order.key, "launch", order.variables)
    return attempt


def _require_launchable(context: WorkflowContext, order: Order) -> None:
    allowed = launch_names(context.spec)
    if unknown := sorted(set(order.variables) - allowed):
        raise UsageError(
            f"`{unknown[0]}` is no variable of {context.name} that can be given at launch. "
            f"There are: {', '.join(sorted(allowed)) or 'none'}."
        )


def _refused(order: Order, why: Why) -> Refusal:
    return Refusal(order.key, why, f"{order.key} {_MESSAGES[why]}")
