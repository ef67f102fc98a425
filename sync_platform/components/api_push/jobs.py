"""The jobs of a push: all of it, by hand or on a schedule, and the replay of what did not arrive."""

from datetime import datetime

import dagster as dg

from sync_platform.components.api_push.names import PushNames
from sync_platform.components.schedules import build_schedule
from sync_platform.push.spec import ApiPushSpec, PushScheduleSpec
from sync_platform.resources import SettingsResource, WarehouseResource


def build_jobs(
    spec: ApiPushSpec, names: PushNames, hooks: frozenset[dg.HookDefinition], *, timezone: str
) -> dg.Definitions:
    """The push job, the replay job, and the schedule if the YAML has one.

    Args:
        spec: the push's YAML.
        names: its names.
        hooks: what runs when a step ends.
        timezone: IANA name of the zone that the schedule's cron is meant in.
    """
    job = dg.define_asset_job(
        names.job,
        selection=list(names.assets),
        description=f"Sends {names.source} to the receiver, one by one, once each; started by hand "
        "unless the YAML has a schedule. A rerun sends what is left.",
        executor_def=dg.in_process_executor,
        hooks=hooks,
        tags={"push": names.push},
    )
    schedule = spec.schedule_spec
    schedules = [] if schedule is None else [_schedule(names, schedule, timezone)]
    return dg.Definitions(jobs=[job, _replay_job(spec, names, hooks)], schedules=schedules)


def _schedule(names: PushNames, schedule: PushScheduleSpec, timezone: str) -> dg.ScheduleDefinition:
    def request(now: datetime) -> dg.RunRequest:
        del now  # a push takes what is there
        return dg.RunRequest()

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


def _replay_job(spec: ApiPushSpec, names: PushNames, hooks: frozenset[dg.HookDefinition]) -> dg.JobDefinition:
    @dg.op(
        name=names.replay_op,
        description="Sends what is dead, and what is parked in doubt, again: the old body, the old key.",
        out=dg.Out(dg.Nothing),
    )
    def replay(
        context: dg.OpExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> None:
        from sync_platform.components.api_push import steps  # noqa: PLC0415 -- brings the engine, see there

        context.add_output_metadata(steps.replay(context, spec, names, settings, warehouse))

    @dg.job(
        name=names.replay_job,
        description=f"Sends what the {names.what} could not deliver again.",
        executor_def=dg.in_process_executor,
        hooks=set(hooks),
        tags={"push": names.push},
    )
    def job() -> None:
        replay()

    return job
