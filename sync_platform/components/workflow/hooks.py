"""What happens when a run of steps fails: people are told, once an attempt.

What the YAML says follows a failure is done by the engine, with the attempt, also after a kill. The hook
tells of what the engine cannot: a workflow without an alert of its own, a run that failed beside its steps.
"""

import dagster as dg

from sync_platform.components.telling import HOOK_RESOURCES, alert_failure, reason_of
from sync_platform.components.workflow.names import PARTITION_TAG, WorkflowNames


class AttemptFailedError(dg.Failure):
    """An attempt failed, and the engine wrote it down.

    Args:
        description: which step, and why.
        is_told: an alert of the YAML has told people already.
    """

    def __init__(self, description: str, *, is_told: bool) -> None:
        super().__init__(description=description, allow_retries=False)
        self.is_told = is_told


def build_hook(names: WorkflowNames) -> dg.HookDefinition:
    """The failure hook of one workflow, for its job and its assets."""

    @dg.failure_hook(name=f"{names.workflow}_on_failure", required_resource_keys=HOOK_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        error = context.op_exception
        if isinstance(error, AttemptFailedError) and error.is_told:
            return
        run = context.instance.get_run_by_id(context.run_id)
        key = run.tags.get(PARTITION_TAG, "without a partition") if run else "unknown"
        alert_failure(context, f"{names.workflow} of {key} failed", reason_of(error))

    return on_failure
