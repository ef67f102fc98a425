"""Schedules that skip a tick while another run of their kind works; it does not queue up behind it.

Here belongs when a tick starts a run. What the run is told is its flow's.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._utils.schedules import cron_string_iterator  # no public way to ask for a cron's ticks

from sync_platform.components.abandoned import is_at_work
from sync_platform.resources.warehouse import is_lock_held

_TICKS_LOOKED_AT = 200
_RUNS_LOOKED_AT = 10
_FIRST_STEP_WITHIN = timedelta(minutes=10)
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_schedule(
    name: str,
    *,
    job_name: str,
    cron: str,
    timezone: str,
    is_running: bool,
    lock: str,
    what: str,
    request: Callable[[datetime], dg.RunRequest],
) -> dg.ScheduleDefinition:
    """Make a schedule that starts a job, unless one of its kind is at work.

    Args:
        name: of the schedule.
        job_name: what it starts.
        cron: five fields.
        timezone: IANA name of the zone that the cron is meant in.
        is_running: whether it ships switched on.
        lock: whoever holds it is at work.
        what: it starts, such as `sync of users`.
        request: makes the run of a tick, from the time.
    """

    @dg.schedule(
        name=name,
        job_name=job_name,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts a {what}; skipped while another one is at work.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = datetime.now(UTC)
        if is_busy(context.instance, job_name, lock=lock, now=now):
            return dg.SkipReason(f"Another {what} is at work; this tick is skipped.")
        return request(now)

    return tick


def is_busy(instance: dg.DagsterInstance, job_name: str, *, lock: str, now: datetime) -> bool:
    """Tell whether a run of the job works or is about to, or the lock is held; a killed run does not."""
    unfinished = dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED)
    records = instance.get_run_records(unfinished, limit=_RUNS_LOOKED_AT)
    return any(_is_at_work(record, now) for record in records) or is_lock_held(lock)


def longest_gap(cron: str, timezone: str) -> timedelta:
    """The longest time between two ticks of a schedule, such as a weekend."""
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    ticks = islice(cron_string_iterator(start, cron, timezone), _TICKS_LOOKED_AT)
    return max(later - earlier for earlier, later in pairwise(ticks))


def _is_at_work(record: dg.RunRecord, now: datetime) -> bool:
    answer = is_at_work(record.dagster_run)
    created_at = record.create_timestamp.replace(tzinfo=UTC)
    return now - created_at < _FIRST_STEP_WITHIN if answer is None else answer
