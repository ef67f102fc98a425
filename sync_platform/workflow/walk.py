"""The walk: which steps are next, given how all of them stand. Pure decisions, told as tables in the tests.

| A step's `after` | It begins when | It is skipped when |
|---|---|---|
| nothing | at once | never |
| all | every edge is met | one edge cannot be met any more |
| any | one edge is met | no edge can be met any more |

An edge is met by success, failure, or completion (either) of its step; by a skipped step never.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sync_platform.workflow.reports import StepStatus
from sync_platform.workflow.spec import EdgeSpec, StepSpec

States = Mapping[str, StepStatus]

_MEETS: dict[str, frozenset[StepStatus]] = {
    "success": frozenset({"succeeded"}),
    "failure": frozenset({"failed"}),
    "completion": frozenset({"succeeded", "failed"}),
}
_ENDED: frozenset[StepStatus] = frozenset({"succeeded", "failed", "skipped"})
_RAN: frozenset[StepStatus] = frozenset({"running", "succeeded", "failed"})


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now.

    Attributes:
        ready: steps that may begin, in the YAML's order.
        skipped: steps that can never begin, and why.
    """

    ready: tuple[str, ...]
    skipped: Mapping[str, str]


def next_steps(steps: Sequence[StepSpec], states: States) -> Next:
    """Decide which waiting steps begin and which are skipped; a skip is followed to its end."""
    known: dict[str, StepStatus] = dict(states)
    skipped: dict[str, str] = {}
    while True:
        found = {
            step.name: reason
            for step in steps
            if known[step.name] == "waiting" and (reason := _why_skipped(step, known)) is not None
        }
        if not found:
            break
        skipped |= found
        known |= dict.fromkeys(found, "skipped")
    ready = tuple(step.name for step in steps if known[step.name] == "waiting" and _is_ready(step, known))
    return Next(ready, skipped)


def standing(steps: Sequence[StepSpec], rows: Iterable[Mapping[str, Any]]) -> dict[str, StepStatus]:
    """Tell how the steps stand when an attempt begins, from what all attempts before did.

    Done stays done. A failure on which another step has acted stays too, so that branches which exclude each
    other do not both run; every other failure, and what was skipped or interrupted, is decided anew.

    Args:
        steps: of the YAML.
        rows: of workflow_steps, oldest attempt first.
    """
    last: dict[str, StepStatus] = {}
    for row in rows:
        if last.get(row["step"]) != "succeeded":
            last[row["step"]] = row["status"]
    states: dict[str, StepStatus] = {step.name: "waiting" for step in steps}
    for step in steps:
        is_kept = last.get(step.name) == "failed" and _is_expected(steps, step.name, last)
        if last.get(step.name) == "succeeded" or is_kept:
            states[step.name] = last[step.name]
    return states


def unexpected_failures(steps: Sequence[StepSpec], states: States) -> tuple[str, ...]:
    """Return the failed steps because of which no other step ran; any of them fails the run."""
    return tuple(
        step.name
        for step in steps
        if states[step.name] == "failed" and not _is_expected(steps, step.name, states)
    )


def claimable(
    run: Mapping[str, Any] | None, *, now: Any, is_by_hand: bool = False
) -> Literal["running", "done", "failed", "waiting"] | None:
    """Tell why a key cannot be taken, from its row of workflow_runs; None where it can (see `claim.sql`)."""
    if run is None or run["status"] == "paused":
        return None
    if run["status"] == "failed":
        if is_by_hand or (run["next_attempt_at"] is not None and run["next_attempt_at"] <= now):
            return None
        return "failed" if run["next_attempt_at"] is None else "waiting"
    return "done" if run["status"] == "done" else "running"


def _is_expected(steps: Sequence[StepSpec], failed: str, states: States) -> bool:
    return any(
        edge.step == failed and edge.on != "success" and states.get(step.name) in _RAN
        for step in steps
        for edge in step.after.edges
    )


def _is_met(edge: EdgeSpec, states: States) -> bool:
    return states[edge.step] in _MEETS[edge.on]


def _is_ready(step: StepSpec, states: States) -> bool:
    met = [_is_met(edge, states) for edge in step.after.edges]
    return any(met) if step.after.any else all(met)


def _why_skipped(step: StepSpec, states: States) -> str | None:
    lost = [edge for edge in step.after.edges if states[edge.step] in _ENDED and not _is_met(edge, states)]
    if not lost or (step.after.any and len(lost) < len(step.after.any)):
        return None
    edge = lost[0]
    return f"it comes after the {edge.on} of {edge.step}, which {_was(states[edge.step])}"


def _was(status: StepStatus) -> str:
    return "was skipped" if status == "skipped" else status
