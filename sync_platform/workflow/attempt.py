"""The attempt: what all that works on one claimed key shares."""

from dataclasses import dataclass

from sync_platform.workflow.ledger import WorkflowLedger
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.stopping import Stop


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one key, as its run's own thread sees it.

    Attributes:
        context: the workflow's.
        claim: the key, who holds it, and its variables.
        ledger: the books, for this thread only.
        stop: ends everything.
    """

    context: WorkflowContext
    claim: Claim
    ledger: WorkflowLedger
    stop: Stop
