"""The sensor and the schedule of a workflow: both ask what is due, and start a run for each of it.

Neither depends on the date of its tick: what is due is found by looking back in the database, so that hours
of downtime miss nothing. What a tick does stands in `ticks`, imported when one comes.
"""

from datetime import timedelta

import dagster as dg

from sync_platform.components.turns import Clock
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.workflow.spec import WorkflowScheduleSpec

_AT_LEAST_S = 1


def build_trigger(names: WorkflowNames, *, timezone: str, clock: Clock) -> dg.Definitions:
    """The sensor, where the YAML has `every_s`, and the schedule, where it has one.

    Args:
        names: of the workflow, with its YAML.
        timezone: IANA name of the zone that the schedule's cron is meant in.
        clock: decides what is due; UTC.
    """
    every_s, schedule = names.spec.trigger.every_s, names.spec.trigger.schedule_spec
    return dg.Definitions(
        sensors=[] if every_s is None else [_sensor(names, every_s, clock)],
        schedules=[] if schedule is None else [_schedule(names, schedule, timezone, clock)],
    )


def _sensor(names: WorkflowNames, every_s: float, clock: Clock) -> dg.SensorDefinition:
    is_running = names.spec.trigger.sensor_spec.status == "running"

    @dg.sensor(
        name=names.sensor,
        job_name=names.job,
        minimum_interval_seconds=max(int(every_s), _AT_LEAST_S),
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        description=f"Asks sql/{names.spec.trigger.sql}.sql what is due, starts {names.workflow} for each of "
        "it, and closes runs that died.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from sync_platform.components.workflow import ticks  # noqa: PLC0415 -- brings the engine, see there

        tick = ticks.tick(names, context.instance, by="sensor", clock=clock, log=context.log.warning)
        if ticks.has_news(tick, context.cursor):
            ticks.tell_problems(names, tick)
        return dg.SensorResult(
            run_requests=tick.requests,
            skip_reason=None if tick.requests else tick.reason,
            cursor=ticks.cursor_of(tick),
        )

    return look


def _schedule(
    names: WorkflowNames, schedule: WorkflowScheduleSpec, timezone: str, clock: Clock
) -> dg.ScheduleDefinition:
    is_running = schedule.status == "running"
    ahead = timedelta(seconds=names.spec.trigger.lead_s)

    @dg.schedule(
        name=names.schedule,
        job_name=names.job,
        cron_schedule=schedule.cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts {names.workflow} for what is due then" + (f", {ahead} ahead." if ahead else "."),
    )
    def look(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        from sync_platform.components.workflow import ticks  # noqa: PLC0415 -- brings the engine, see there

        tick = ticks.tick(names, context.instance, by="schedule", clock=clock, log=context.log.warning)
        return tick.requests or dg.SkipReason(tick.reason)

    return look
