"""The job that redoes what syncs had queued, and the sensor that starts it when something is due.

What is due, and what becomes of an entry, is `pull.retry`. The job takes the source's lock, so that it
never works beside a sync.
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from sync_platform.components.api_sync.hooks import build_redo_hook
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.components.schedules import is_busy
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource
from sync_platform.resources.warehouse import running_database
from sync_platform.vocabulary import SyncPlatformError

_LOOK_EVERY_S = 60


class RetryConfig(dg.Config):
    """What to take from the queue."""

    is_all: bool = Field(default=False, description="Take every entry now, due or not.")


def build_retry(spec: ApiSyncSpec) -> dg.Definitions:
    """The retry job and its sensor; the sensor ships stopped where the schedule does."""
    return dg.Definitions(jobs=[_job(spec)], sensors=[_sensor(spec)])


def _job(spec: ApiSyncSpec) -> dg.JobDefinition:
    names = SyncNames(spec.source)

    @dg.op(
        name=names.retry_op,
        description="Asks each due request again and loads what comes, at most 10 a run.",
        out=dg.Out(dg.Nothing),
    )
    def retry(
        context: dg.OpExecutionContext,
        config: RetryConfig,
        settings: SettingsResource,
        warehouse: WarehouseResource,
    ) -> None:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        context.add_output_metadata(steps.retry(context, spec, settings, warehouse, is_all=config.is_all))

    @dg.job(
        name=names.retry_job,
        description=f"Redoes the pages and batches of {spec.source} that syncs had to queue. The watermark "
        "stays where it is; the next proven sync moves it.",
        executor_def=dg.in_process_executor,
        hooks={build_redo_hook(spec, "retry")},
        tags={"source": spec.source},
    )
    def job() -> None:
        retry()

    return job


def _sensor(spec: ApiSyncSpec) -> dg.SensorDefinition:
    names = SyncNames(spec.source)
    is_stopped = spec.schedule_spec is not None and spec.schedule_spec.status == "stopped"

    @dg.sensor(
        name=names.retry_sensor,
        job_name=names.retry_job,
        minimum_interval_seconds=_LOOK_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED if is_stopped else dg.DefaultSensorStatus.RUNNING,
        description=f"Starts the retry job when a queued page or batch of {spec.source} is due.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            due = _due_count(spec)
        except SyncPlatformError as error:
            return dg.SkipReason(f"The retry queue could not be read: {error}")
        if not due:
            return dg.SkipReason("Nothing is due in the retry queue.")
        if is_busy(context.instance, names.retry_job, lock=names.lock, now=datetime.now(UTC)):
            return dg.SkipReason(f"A sync or retry of {spec.source} is at work; {due} entries wait for it.")
        return dg.RunRequest()

    return look


def _due_count(spec: ApiSyncSpec) -> int:
    """Count what is due; 0 while the embedded database does not run, which a sensor never starts."""
    from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

    address = running_database()
    return 0 if address is None else steps.due_entries(spec, address)
