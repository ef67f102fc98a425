"""What the names in SQL, requests and alerts stand for, when their step begins."""

from collections.abc import Iterable, Mapping
from typing import Any

from sync_platform.vocabulary import PermanentError
from sync_platform.workflow.references import bound_in
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.values import bindable

Values = Mapping[str, Any]


def own_values(context: WorkflowContext, claim: Claim) -> dict[str, Any]:
    """Return the variables of the claim and the workflow's own."""
    return {
        **claim.variables,
        "workflow": context.name,
        "key": claim.key,
        "attempt": claim.attempt,
        "run_id": context.run_id,
        "now": context.now(),
    }


def bound_values(name: str, values: Values, *, extra: Values | None = None) -> dict[str, Any]:
    """Return what a SQL file binds, and nothing else.

    Raises:
        PermanentError: a variable has no value, because the step that saves it did not run.
    """
    known = {**values, **(extra or {})}
    names = bound_in(name)
    require_values(names, known, f"sql/{name}")
    return bindable({one: known[one] for one in names})


def require_values(names: Iterable[str], values: Values, where: str) -> None:
    """Make sure that names have values.

    Raises:
        PermanentError: one has none.
    """
    if missing := sorted(set(names) - set(values)):
        raise PermanentError(
            f"{where} uses the variable `{missing[0]}`, which has no value: the step that saves it did not "
            "run. Give it a default in `variables`."
        )
