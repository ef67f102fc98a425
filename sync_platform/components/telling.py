"""Telling people how runs end: what every flow's hooks share.

Here belong the reason that may be told and the shape of an alert. What a flow writes down when a step ends
is its own. Hooks sit on the job and on the assets, because what the UI materializes runs in Dagster's
implicit job; they are the same objects in both places, so Dagster runs each once a step.
"""

import dagster as dg

from sync_platform.resources import SettingsResource, WarehouseResource
from sync_platform.vocabulary import SyncPlatformError

HOOK_RESOURCES = frozenset({"settings", "warehouse", "alerts"})


def reason_of(error: BaseException | None) -> str:
    """Say why a step failed, without quoting what an unexpected error may hold of customers or secrets."""
    if isinstance(error, dg.Failure):
        return error.description or "the step gave no reason"
    if isinstance(error, SyncPlatformError):
        return str(error)
    if isinstance(error, dg.DagsterError):
        return f"Dagster stopped the step ({type(error).__name__}); the run's log says why"
    return f"unexpected {type(error).__name__}; the run's log has the traceback"


def found_by(context: dg.HookContext) -> tuple[SettingsResource, WarehouseResource]:
    """Lend a hook the settings and the warehouse of its run."""
    return context.resources.settings, context.resources.warehouse


def alert_failure(context: dg.HookContext, title: str, reason: str) -> None:
    """Tell people that a step failed, why, and where to look."""
    where = f"Step {context.step_key} of run {context.run_id}; its log stands in the Dagster UI."
    context.resources.alerts.send(title, f"{reason}\n{where}")


def alert_recovery(context: dg.HookContext, title: str) -> None:
    """Tell people that what had failed works again."""
    context.resources.alerts.send(title, f"Run {context.run_id} ended well after earlier failures.")
