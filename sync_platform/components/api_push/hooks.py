"""What happens when a step of a push ends: failures are written down and told, recoveries are told.

A push that the receiver stopped (`incomplete`) is told like a failure: somebody has to look.
"""

import dagster as dg

from sync_platform.components.api_push.names import PushNames
from sync_platform.components.telling import (
    HOOK_RESOURCES,
    alert_failure,
    alert_recovery,
    found_by,
    reason_of,
)
from sync_platform.push.spec import ApiPushSpec
from sync_platform.vocabulary import SyncPlatformError


def build_hooks(spec: ApiPushSpec, names: PushNames) -> frozenset[dg.HookDefinition]:
    """The failure hook and the success hook of one push; on its job, its assets and its replay."""

    @dg.failure_hook(name=f"{names.push}_on_failure", required_resource_keys=HOOK_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        _tell_failure(context, spec, names)

    @dg.success_hook(name=f"{names.push}_on_success", required_resource_keys=HOOK_RESOURCES)
    def on_success(context: dg.HookContext) -> None:
        if context.step_key in {names.deliveries, names.replay_op}:
            _tell_end(context, spec, names)

    return frozenset({on_failure, on_success})


def _tell_failure(context: dg.HookContext, spec: ApiPushSpec, names: PushNames) -> None:
    """Close the push as failed and alert; a database that cannot be reached does not keep the alert back."""
    from sync_platform.components.api_push import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    reason = reason_of(context.op_exception)
    try:
        push = opening.push_context(
            spec, names, *found_by(context), run_id=context.run_id, log=context.log.info
        )
        steps.record_failure(push, reason)
    except SyncPlatformError as error:
        context.log.warning("The failure could not be written to push_logs: %s", error)
    alert_failure(context, f"The {names.what} failed", reason)


def _tell_end(context: dg.HookContext, spec: ApiPushSpec, names: PushNames) -> None:
    """Alert where the receiver stopped the push, or where a push works again after one that failed."""
    from sync_platform.components.api_push import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    push = opening.push_context(spec, names, *found_by(context), run_id=context.run_id, log=context.log.info)
    if reason := steps.why_incomplete(push):
        alert_failure(context, f"The {names.what} ended before everything was sent", reason)
    elif steps.is_recovery(push):
        alert_recovery(context, f"The {names.what} works again")
