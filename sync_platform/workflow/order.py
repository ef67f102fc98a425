"""The order of steps: every edge leads back to a step that exists, and none in a circle.

Pure. Here belongs what is known before anything runs; which step is next in a run is decided in `walk`.
"""

from typing import TYPE_CHECKING

from sync_platform.vocabulary import MisfitError

if TYPE_CHECKING:
    from sync_platform.workflow.spec import WorkflowSpec


def require_order(spec: "WorkflowSpec") -> None:
    """Make sure that the steps can be walked.

    Raises:
        MisfitError: a name stands twice, an edge names no step, or steps wait for each other.
    """
    names = [step.name for step in spec.steps]
    for at, step in enumerate(spec.steps):
        if step.name in names[:at]:
            raise MisfitError(("steps", at, "name"), f"step `{step.name}` stands there twice")
        for edge in step.after.edges:
            if edge.step not in names:
                raise MisfitError(
                    ("steps", at, "after"),
                    f"step `{step.name}` comes after `{edge.step}`, which is no step: {', '.join(names)}",
                )
    for at, step in enumerate(spec.steps):
        if step.name in ancestors(spec, step.name):
            raise MisfitError(
                ("steps", at, "after"), f"step `{step.name}` waits for itself: {_circle(spec, step.name)}"
            )


def ancestors(spec: "WorkflowSpec", name: str) -> frozenset[str]:
    """Return the steps that come before one, near and far; itself too where they go in a circle."""
    before = {step.name: {edge.step for edge in step.after.edges} for step in spec.steps}
    found: set[str] = set()
    left = set(before[name])
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left |= before.get(one, set())
    return frozenset(found)


def _circle(spec: "WorkflowSpec", name: str) -> str:
    """Write one circle through a step as `a after b after a`."""
    way = [name]
    while True:
        following = [
            edge.step
            for edge in spec.step(way[-1]).after.edges
            if name in {edge.step, *ancestors(spec, edge.step)}
        ]
        way.append(name if name in following else next(one for one in following if one not in way))
        if way[-1] == name:
            return " after ".join(way)
