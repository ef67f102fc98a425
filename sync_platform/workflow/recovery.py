"""Recovery: finds runs that gave no sign of life for longer than their lease, and closes them as failed.

A killed process runs no callbacks, so nothing here depends on one. What is closed is tried again as its
YAML says; what was done stays done.
"""

from dataclasses import dataclass
from uuid import uuid4

from sync_platform.workflow.attempt import Attempt
from sync_platform.workflow.closing import Ending, close, finish_failed
from sync_platform.workflow.lease import held
from sync_platform.workflow.ledger import Row, WorkflowLedger, open_ledger
from sync_platform.workflow.reports import Claim, Hold, WorkflowContext


@dataclass(frozen=True, slots=True)
class Recovered:
    """A run that had died and was closed.

    Attributes:
        key: of its row.
        attempt: that died.
        run_id: the run of it.
    """

    key: str
    attempt: int
    run_id: str


def recover(context: WorkflowContext) -> tuple[Recovered, ...]:
    """Close every dead run of the workflow, with the actions that follow a failure.

    Two that recover at once share the work; a rerun finds nothing.

    Raises:
        RetryableError: the database was lost; a rerun goes on.
    """
    with open_ledger(context) as ledger:
        keys = ledger.expired_keys()
    found = (recover_key(context, key) for key in keys)
    return tuple(one for one in found if one is not None)


def recover_key(context: WorkflowContext, key: str) -> Recovered | None:
    """Close the run of a key, if it is dead; returns what was closed."""
    hold = Hold(key, uuid4().hex)
    with open_ledger(context) as ledger:
        run = ledger.take_over(hold, context.spec.lease_s)
        if run is None:
            return None
        context.log(f"{key}: attempt {run['attempt']} died; it is closed now")
        values = {**context.spec.variables, **ledger.variables(key)}
        claim = Claim(hold, run["attempt"], values)
        with held(context, hold) as stop:
            attempt = Attempt(context, claim, ledger, stop)
            if run["verdict"] == "failed":
                finish_failed(attempt, run)
            else:
                close(attempt, Ending("done") if run["verdict"] == "done" else _death(ledger, key, run))
    return Recovered(key, run["attempt"], run["run_id"])


def _death(ledger: WorkflowLedger, key: str, run: Row) -> Ending:
    """Tell what the dead run was doing."""
    doing = [
        row["step"]
        for row in ledger.steps(key)
        if row["attempt"] == run["attempt"] and row["status"] == "running"
    ]
    where = f" in {', '.join(doing)}" if doing else ""
    return Ending(
        "failed",
        reason=f"the run ended without a word{where} (killed, or its machine stopped)",
        step=doing[0] if doing else None,
        is_death=True,
    )
