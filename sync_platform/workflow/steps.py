"""One step: its tries, its time, and what each try ended with.

Here belongs what all kinds share; how each is done stands in `sql_step`, `http_step` and `push_step`.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sync_platform.vocabulary import PermanentError, SyncPlatformError, UsageError
from sync_platform.workflow.http_step import call
from sync_platform.workflow.ledger import LostRunError, open_ledger
from sync_platform.workflow.pausing import PausedError, why_paused
from sync_platform.workflow.push_step import send_to_audience
from sync_platform.workflow.reports import Claim, InstanceKind, InstanceOrder, WorkflowContext
from sync_platform.workflow.spec import PushStepSpec, StepSpec
from sync_platform.workflow.sql_step import execute_once
from sync_platform.workflow.stopping import Stop
from sync_platform.workflow.values_of_steps import Values, own_values

EndKind = Literal["succeeded", "failed", "paused", "stopped"]


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended in this run.

    Attributes:
        kind: paused and stopped steps are done again by the next attempt.
        reason: why it is not done.
        is_hopeless: trying it again at once makes no sense.
    """

    kind: EndKind
    reason: str | None = None
    is_hopeless: bool = False


def do_step(context: WorkflowContext, claim: Claim, step: StepSpec, stop: Stop) -> StepEnd:
    """Do a step, with its tries; how it ended stands in workflow_steps.

    Raises:
        RetryableError: the database was lost, so that the end could not be written.
    """
    tries = step.retry.count + 1
    for number in range(1, tries + 1):
        end = _try(context, claim, step, stop)
        if end.kind != "failed" or end.is_hopeless or number == tries:
            break
        context.log(f"{claim.key}: {step.name} failed ({end.reason}); try {number + 1} of {tries} follows")
        if stop.wait(step.retry.delay_s):
            return StepEnd("stopped", stop.reason)
    return end


def _try(context: WorkflowContext, claim: Claim, step: StepSpec, stop: Stop) -> StepEnd:
    """Do a step once, and write down how it ended."""
    try:
        with open_ledger(context) as ledger:
            if paused := why_paused(context, claim, ledger):
                return StepEnd("paused", paused)
            is_done = not ledger.begin_step(claim.hold, step.name, context.now())
            saved = ledger.variables(claim.key)
        if not is_done:
            values = {**own_values(context, claim), **saved, **step.variables, "step": step.name}
            _do_in_time(context, claim, step, values, stop)
    except PausedError as error:
        return StepEnd("paused", str(error))
    except LostRunError as error:
        stop.set(str(error))
        return StepEnd("stopped", str(error))
    except SyncPlatformError as error:
        return StepEnd("stopped", stop.reason) if stop.reason else _failed(context, claim, step, error)
    except Exception as error:  # noqa: BLE001 - a bug fails its step at once, instead of the run by its lease
        return _failed(context, claim, step, _unforeseen(error))
    return StepEnd("succeeded")


def _failed(context: WorkflowContext, claim: Claim, step: StepSpec, error: SyncPlatformError) -> StepEnd:
    with open_ledger(context) as ledger:
        told = ledger.end_step(claim.hold, step.name, "failed", context.now(), error=str(error))
    if told == "succeeded":  # its commit arrived, and the word of it was lost
        return StepEnd("succeeded")
    return StepEnd("failed", str(error), is_hopeless=isinstance(error, UsageError))


def _unforeseen(error: Exception) -> PermanentError:
    """Name a bug by its type and place; its text and traceback may quote values."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return PermanentError(
        f"Unforeseen {type(error).__name__} at {Path(at.filename).name}:{at.lineno}. Report it."
    )


def _do_in_time(context: WorkflowContext, claim: Claim, step: StepSpec, values: Values, stop: Stop) -> None:
    with stop.within(step.timeout_s, f"it took longer than {step.timeout_s:g} s (timeout_s)") as own:
        terms = _do(context, claim, step, values, own)
    if step.kind != "sql":
        with open_ledger(context) as ledger:
            ledger.end_step(claim.hold, step.name, "succeeded", context.now(), terms=terms)


def _do(
    context: WorkflowContext, claim: Claim, step: StepSpec, values: Values, stop: Stop
) -> Mapping[str, Any]:
    if step.sql is not None:
        execute_once(
            context,
            claim,
            step.name,
            step.sql,
            values,
            stop=stop,
            timeout_s=step.timeout_s,
            identifiers=step.identifiers,
            save=step.save,
        )
    elif step.http is not None:
        call(context, claim, step.name, step.http, values, stop=stop, timeout_s=step.timeout_s)
    elif isinstance(step.push, PushStepSpec):
        send_to_audience(context, claim, step.name, step.push, values, stop=stop)
    else:
        return _run_instance(context, step, stop)
    return {}


def _run_instance(context: WorkflowContext, step: StepSpec, stop: Stop) -> Mapping[str, Any]:
    kind: InstanceKind = "sync" if step.sync is not None else "push"
    name = step.sync if step.sync is not None else str(step.push)
    outcome = context.run_instance(InstanceOrder(kind, name, should_stop=lambda: stop.reason is not None))
    if not outcome.is_success:
        raise PermanentError(f"{kind} {name}: {outcome.reason or 'failed'}")
    return outcome.terms
