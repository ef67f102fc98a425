"""The job of a whole sync, and what the schedule that starts it asks for."""

from datetime import datetime

import dagster as dg

from sync_platform.components.api_sync.config import run_config_of
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.components.schedules import build_schedule
from sync_platform.pull.spec import ApiSyncSpec, ScheduleSpec


def build_jobs(spec: ApiSyncSpec, on_failure: dg.HookDefinition, *, timezone: str) -> dg.Definitions:
    """The job that runs all four assets in one process, and its schedule if the YAML has one.

    Args:
        spec: the source's YAML.
        on_failure: what runs when a step fails; a success is told by the last asset's own hook.
        timezone: IANA name of the zone that the schedule's cron is meant in.
    """
    names = SyncNames(spec.source)
    job = dg.define_asset_job(
        names.job,
        selection=list(names.assets),
        description=f"Syncs {spec.source}: what is new, unless its config or partition says otherwise.",
        executor_def=dg.in_process_executor,
        hooks={on_failure},
        tags={"source": spec.source},
    )
    schedule = spec.schedule_spec
    schedules = [] if schedule is None else [_schedule(spec, schedule, timezone)]
    return dg.Definitions(jobs=[job], schedules=schedules)


def _schedule(spec: ApiSyncSpec, schedule: ScheduleSpec, timezone: str) -> dg.ScheduleDefinition:
    names = SyncNames(spec.source)

    def request(now: datetime) -> dg.RunRequest:
        # Explicitly incremental: a run that starts after midnight would take yesterday's label for a choice.
        day = now.date().isoformat() if spec.is_partitioned else None
        return dg.RunRequest(
            partition_key=day, run_config=run_config_of(spec.source, sync_type="incremental")
        )

    return build_schedule(
        names.schedule,
        job_name=names.job,
        cron=schedule.cron,
        timezone=timezone,
        is_running=schedule.status == "running",
        lock=names.lock,
        what=names.what,
        request=request,
    )
