"""The end of an attempt: verdict, actions, and whether it is tried again.

The verdict is written before the actions and the status after them, so that whoever finds a run dead in
between goes on with what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sync_platform.workflow.actions import run_actions
from sync_platform.workflow.attempt import Attempt
from sync_platform.workflow.reports import MISSED
from sync_platform.workflow.spec import RescheduleSpec

MOST_DEATHS = 3
"""Where there is no `reschedule`: failed attempts after which a run that dies is not tried again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes:
        status: as the steps say.
        reason: why, unless it is done.
        step: that failed it, if one did.
        is_death: the process was gone.
    """

    status: Literal["done", "failed", "paused"]
    reason: str | None = None
    step: str | None = None
    is_death: bool = False


def next_attempt_at(
    ending: Ending, reschedule: RescheduleSpec | None, *, failures: int, now: datetime
) -> datetime | None:
    """Decide when a failed run is tried again; None for never by itself.

    Args:
        ending: how it failed.
        reschedule: the YAML's, if any.
        failures: failed attempts so far, this one included.
        now: now.
    """
    if ending.reason == MISSED:
        return None
    if reschedule is not None:
        return now + timedelta(seconds=reschedule.delay_s) if failures < reschedule.attempts else None
    return now if ending.is_death and failures < MOST_DEATHS else None


def close(attempt: Attempt, ending: Ending) -> None:
    """Write the verdict, do the actions that follow it, and end the attempt.

    A success whose action fails is a failure, and the next attempt does that action again.

    Raises:
        LostRunError: another run took the key over.
    """
    now, hold, ledger = attempt.context.now, attempt.claim.hold, attempt.ledger
    if ending.status == "paused":
        ledger.close_run(hold, "paused", now(), reason=ending.reason)
        return
    if ending.status == "done":
        ledger.give_verdict(hold, "done")
        told = _told("done")
        failed = run_actions(attempt, "on_success", told) or run_actions(attempt, "on_completion", told)
        if failed is None:
            ledger.close_run(hold, "done", now())
            return
        ending = Ending("failed", step=failed[0], reason=failed[1])
    _fail(attempt, ending)


def finish_failed(attempt: Attempt, run: Mapping[str, Any]) -> None:
    """Do what is left of the actions after a failure that is written down already.

    Args:
        attempt: that failed.
        run: its failed_step, reason and next_attempt_at.

    Raises:
        LostRunError: another run took the key over.
    """
    told = _told("failed", run["failed_step"], run["reason"], run["next_attempt_at"])
    run_actions(attempt, "on_failure", told)
    run_actions(attempt, "on_completion", told)
    attempt.ledger.close_run(attempt.claim.hold, "failed", attempt.context.now())


def _fail(attempt: Attempt, ending: Ending) -> None:
    context, claim, ledger = attempt.context, attempt.claim, attempt.ledger
    run = ledger.run(claim.key)
    failures = (0 if run is None else int(run["failures"])) + 1
    again_at = next_attempt_at(ending, context.spec.reschedule, failures=failures, now=context.now())
    ledger.give_verdict(
        claim.hold, "failed", failed_step=ending.step, reason=ending.reason, next_attempt_at=again_at
    )
    told = {"failed_step": ending.step, "reason": ending.reason, "next_attempt_at": again_at}
    finish_failed(attempt, told)


def _told(
    status: str, step: str | None = None, reason: str | None = None, again_at: datetime | None = None
) -> dict[str, Any]:
    return {"status": status, "step": step, "reason": reason, "next_attempt_at": again_at}
