"""A run: walks the steps of a claimed key, and ends the attempt.

Steps that do not wait for each other run side by side, a thread each. Everything that another attempt needs
stands in the ledger before and after each step; nothing is remembered here.
"""

from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field

from sync_platform.vocabulary import SyncPlatformError
from sync_platform.workflow.actions import run_actions
from sync_platform.workflow.attempt import Attempt
from sync_platform.workflow.closing import Ending, close
from sync_platform.workflow.lease import held
from sync_platform.workflow.ledger import LostRunError, open_ledger
from sync_platform.workflow.reports import (
    MISSED,
    Claim,
    StepReport,
    StepStatus,
    WorkflowContext,
    WorkflowReport,
)
from sync_platform.workflow.spec import StepSpec
from sync_platform.workflow.status import describe, describe_step
from sync_platform.workflow.steps import StepEnd, do_step
from sync_platform.workflow.walk import next_steps, standing, unexpected_failures

OnStep = Callable[[StepReport], None]

_LOOK_UP_S = 1.0
"""A signal that another thread met is heard by this one only when it runs, so it never sleeps for longer."""
_BROKEN = "the run met an error from which it cannot go on"
_INTERRUPTED = "the run was interrupted; it goes on when its row is due again"


def run_workflow(
    context: WorkflowContext,
    claim: Claim,
    *,
    only: Collection[str] | None = None,
    on_step: OnStep = lambda _: None,
) -> WorkflowReport:
    """Do what is not done yet of a claimed key, then the actions that follow.

    Args:
        context: the workflow's.
        claim: what `claim` returned.
        only: the steps that may run; with some left out, the attempt ends as paused.
        on_step: told, in the caller's thread, whenever a step begins or ends, and first of what earlier
            attempts did.

    Raises:
        LostRunError: another run took the key over, or the database was away for too long.
        RetryableError: the database was lost; the lease runs out and the key is taken up again.
    """
    with held(context, claim.hold) as stop:
        try:
            with open_ledger(context) as ledger:
                attempt = Attempt(context, claim, ledger, stop)
                close(attempt, _ending(attempt, only, on_step))
        except Exception:
            stop.set(_BROKEN)
            raise
        except BaseException:
            stop.set(_INTERRUPTED)
            with suppress(SyncPlatformError), open_ledger(context) as ledger:
                ledger.close_run(claim.hold, "paused", context.now(), reason=_INTERRUPTED)
            raise
    return describe(context, claim.key)


def _ending(attempt: Attempt, only: Collection[str] | None, on_step: OnStep) -> Ending:
    if attempt.claim.is_missed:
        return Ending("failed", reason=MISSED)
    if failed := run_actions(attempt, "on_start"):
        return Ending("failed", step=failed[0], reason=failed[1])
    steps = attempt.context.spec.steps
    states = standing(steps, attempt.ledger.steps(attempt.claim.key))
    walker = _Walker(attempt, on_step, states=states)
    walker.tell([name for name, status in states.items() if status != "waiting"])
    walker.walk(frozenset(states) if only is None else frozenset(only))
    if attempt.stop.reason is not None:
        raise LostRunError(attempt.stop.reason)
    if walker.paused is not None:
        return Ending("paused", reason=walker.paused)
    if unexpected := unexpected_failures(steps, walker.states):
        return Ending("failed", step=unexpected[0], reason=walker.reasons.get(unexpected[0]))
    if left := [name for name, status in walker.states.items() if status == "waiting"]:
        return Ending("paused", reason=f"only some steps were run; left: {', '.join(left)}")
    return Ending("done")


@dataclass(slots=True)
class _Walker:
    """Runs what `next_steps` says until nothing is left."""

    attempt: Attempt
    on_step: OnStep
    states: dict[str, StepStatus]
    paused: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def walk(self, allowed: Collection[str]) -> None:
        """Walk to the end; a pause or a stop begins nothing more and waits for what runs."""
        stop, running = self.attempt.stop, dict[Future[StepEnd], str]()
        with ThreadPoolExecutor(len(self.states), thread_name_prefix="workflow-step") as threads:
            try:
                while True:
                    if self.paused is None and stop.reason is None:
                        for step in self._begin(allowed):
                            began = threads.submit(
                                do_step, self.attempt.context, self.attempt.claim, step, stop
                            )
                            running[began] = step.name
                    if not running:
                        return
                    ended, _ = wait(running, timeout=_LOOK_UP_S, return_when=FIRST_COMPLETED)
                    for one in ended:
                        self._note(running.pop(one), one.result())
            except BaseException as error:
                # The threads are waited for, so they must hear of it before.
                stop.set(_BROKEN if isinstance(error, Exception) else _INTERRUPTED)
                raise

    def tell(self, names: Collection[str]) -> None:
        """Tell the caller how steps stand."""
        attempt = self.attempt
        for name in names:
            self.on_step(describe_step(attempt.context, attempt.ledger, attempt.claim.key, name))

    def _begin(self, allowed: Collection[str]) -> list[StepSpec]:
        """Note which steps begin and which never will; returns the former."""
        context, claim, ledger = self.attempt.context, self.attempt.claim, self.attempt.ledger
        found = next_steps(context.spec.steps, self.states)
        for name, reason in found.skipped.items():
            self.states[name] = "skipped"
            ledger.end_step(claim.hold, name, "skipped", context.now(), error=reason)
        self.tell(found.skipped)
        ready = [context.spec.step(name) for name in found.ready if name in allowed]
        for step in ready:
            self.states[step.name] = "running"
            context.log(f"{claim.key}: {step.name} begins")
        return ready

    def _note(self, name: str, end: StepEnd) -> None:
        if end.kind in ("succeeded", "failed"):
            self.states[name] = "succeeded" if end.kind == "succeeded" else "failed"
        else:
            self.states[name] = "waiting"
            self.paused = self.paused or end.reason
        if end.reason is not None:
            self.reasons[name] = end.reason
        said = f": {end.reason}" if end.reason else ""
        self.attempt.context.log(f"{self.attempt.claim.key}: {name} {end.kind}{said}")
        self.tell([name])
