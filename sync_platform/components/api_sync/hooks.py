"""What happens when a step of a sync ends: failures are written down and told, recoveries are told."""

from typing import Literal

import dagster as dg

from sync_platform.components.telling import (
    HOOK_RESOURCES,
    alert_failure,
    alert_recovery,
    found_by,
    reason_of,
)
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.vocabulary import SyncPlatformError


def build_failure_hook(spec: ApiSyncSpec) -> dg.HookDefinition:
    """The hook of every step of a sync: a failure is written down and told."""

    @dg.failure_hook(name=f"{spec.source}_sync_on_failure", required_resource_keys=HOOK_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        _tell_failure(context, spec)

    return on_failure


def build_success_hook(spec: ApiSyncSpec) -> dg.HookDefinition:
    """The hook of the last step: a success after a failure is told."""

    @dg.success_hook(name=f"{spec.source}_sync_on_success", required_resource_keys=HOOK_RESOURCES)
    def on_success(context: dg.HookContext) -> None:
        _tell_recovery(context, spec)

    return on_success


def build_redo_hook(spec: ApiSyncSpec, what: Literal["retry", "replay"]) -> dg.HookDefinition:
    """The failure hook of the retry or replay job: tells people; the engine closes its own row in the log."""

    @dg.failure_hook(name=f"{spec.source}_{what}_on_failure", required_resource_keys=HOOK_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        title = f"{what.capitalize()} of {spec.source} failed"
        alert_failure(context, title, reason_of(context.op_exception))

    return on_failure


def _tell_failure(context: dg.HookContext, spec: ApiSyncSpec) -> None:
    """Close the sync as failed and alert; a database that cannot be reached does not keep the alert back."""
    from sync_platform.components.api_sync import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    reason = reason_of(context.op_exception)
    try:
        pull = opening.pull_context(spec, *found_by(context), run_id=context.run_id, log=context.log.info)
        steps.record_failure(pull, reason)
    except SyncPlatformError as error:
        context.log.warning("The failure could not be written to sync_logs: %s", error)
    alert_failure(context, f"Sync of {spec.source} failed", reason)


def _tell_recovery(context: dg.HookContext, spec: ApiSyncSpec) -> None:
    """Alert when the sync before this one had failed."""
    from sync_platform.components.api_sync import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    pull = opening.pull_context(spec, *found_by(context), run_id=context.run_id, log=context.log.info)
    if steps.is_recovery(pull):
        alert_recovery(context, f"Sync of {spec.source} works again")
