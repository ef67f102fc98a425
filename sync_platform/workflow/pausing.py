"""The kill switch: a query whose first value must be true for a run to go on."""

from sync_platform.vocabulary import PermanentError
from sync_platform.workflow.ledger import WorkflowLedger
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.values_of_steps import bound_values, own_values


class PausedError(PermanentError):
    """The run must not go on now; it resumes when its row is due again."""


def why_paused(context: WorkflowContext, claim: Claim, ledger: WorkflowLedger) -> str | None:
    """Ask `while`; why the run must pause, or None.

    Raises:
        RetryableError, PermanentError: the query failed, or returns anything but true or false.
    """
    name = context.spec.while_true
    if name is None:
        return None
    values = bound_values(name, own_values(context, claim))
    row = ledger.first_row(name, values, f"asking whether the run may go on ({name})")
    if row is None:
        return f"paused: {name} returns no row for it any more"
    if not isinstance(row[0], bool):
        raise PermanentError(f"The first column of {name} is neither true nor false. Compare, or cast it.")
    return None if row[0] else f"paused: {name} says false"
