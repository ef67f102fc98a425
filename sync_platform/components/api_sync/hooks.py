"""What happens when a step of a sync ends: failures are written down and told, recoveries are told.

The hooks sit on the job and on the assets, because what the UI materializes or backfills runs in Dagster's
implicit job. They are the same objects in both places, so Dagster runs each once a step.
"""

import dagster as dg

from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource
from sync_platform.vocabulary import SyncPlatformError

_RESOURCES = frozenset({"settings", "warehouse", "alerts"})


def build_hooks(spec: ApiSyncSpec) -> frozenset[dg.HookDefinition]:
    """The failure hook and the success hook of one source."""
    names = SyncNames(spec.source)

    @dg.failure_hook(name=f"{spec.source}_sync_on_failure", required_resource_keys=_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        _tell_failure(context, spec)

    @dg.success_hook(name=f"{spec.source}_sync_on_success", required_resource_keys=_RESOURCES)
    def on_success(context: dg.HookContext) -> None:
        if context.step_key == names.metadata:
            _tell_recovery(context, spec)

    return frozenset({on_failure, on_success})


def build_retry_hook(spec: ApiSyncSpec) -> dg.HookDefinition:
    """The failure hook of the retry job: tells people, and leaves the log of syncs alone."""

    @dg.failure_hook(name=f"{spec.source}_retry_on_failure", required_resource_keys=_RESOURCES)
    def on_failure(context: dg.HookContext) -> None:
        _alert_failure(context, f"Retry of {spec.source} failed", reason_of(context.op_exception))

    return on_failure


def reason_of(error: BaseException | None) -> str:
    """Say why a step failed, without quoting what an unexpected error may hold of customers or secrets."""
    if isinstance(error, dg.Failure):
        return error.description or "the step gave no reason"
    if isinstance(error, SyncPlatformError):
        return str(error)
    if isinstance(error, dg.DagsterError):
        return f"Dagster stopped the step ({type(error).__name__}); the run's log says why"
    return f"unexpected {type(error).__name__}; the run's log has the traceback"


def _tell_failure(context: dg.HookContext, spec: ApiSyncSpec) -> None:
    """Close the sync as failed and alert; a database that cannot be reached does not keep the alert back."""
    from sync_platform.components.api_sync import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    reason = reason_of(context.op_exception)
    try:
        pull = opening.pull_context(spec, *_found_by(context), run_id=context.run_id, log=context.log.info)
        steps.record_failure(pull, reason)
    except SyncPlatformError as error:
        context.log.warning("The failure could not be written to sync_logs: %s", error)
    _alert_failure(context, f"Sync of {spec.source} failed", reason)


def _tell_recovery(context: dg.HookContext, spec: ApiSyncSpec) -> None:
    """Alert when the sync before this one had failed."""
    from sync_platform.components.api_sync import opening, steps  # noqa: PLC0415 -- brings the engine, see there

    pull = opening.pull_context(spec, *_found_by(context), run_id=context.run_id, log=context.log.info)
    if steps.is_recovery(pull):
        body = f"Run {context.run_id} ended well after earlier failures."
        context.resources.alerts.send(f"Sync of {spec.source} works again", body)


def _found_by(context: dg.HookContext) -> tuple[SettingsResource, WarehouseResource]:
    return context.resources.settings, context.resources.warehouse


def _alert_failure(context: dg.HookContext, title: str, reason: str) -> None:
    where = f"Step {context.step_key} of run {context.run_id}; its log stands in the Dagster UI."
    context.resources.alerts.send(title, f"{reason}\n{where}")
