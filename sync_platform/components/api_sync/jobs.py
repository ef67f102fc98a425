"""The job of a whole sync and the schedule that starts it.

A tick is skipped while another sync of the source is at work; it does not queue up behind it.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._utils.schedules import cron_string_iterator  # no public way to ask for a cron's ticks

from sync_platform.components.api_sync.abandoned import is_at_work
from sync_platform.components.api_sync.config import run_config_of
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.spec import ApiSyncSpec, ScheduleSpec
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


def build_jobs(spec: ApiSyncSpec, hooks: frozenset[dg.HookDefinition], *, timezone: str) -> dg.Definitions:
    """The job that runs all four assets in one process, and its schedule if the YAML has one.

    Args:
        spec: the source's YAML.
        hooks: what runs when a step ends.
        timezone: IANA name of the zone that the schedule's cron is meant in.
    """
    names = SyncNames(spec.source)
    job = dg.define_asset_job(
        names.job,
        selection=list(names.assets),
        description=f"Syncs {spec.source}: what is new, unless its config or partition says otherwise.",
        executor_def=dg.in_process_executor,
        hooks=hooks,
        tags={"source": spec.source},
    )
    schedule = spec.schedule_spec
    schedules = [] if schedule is None else [_schedule(spec, schedule, timezone)]
    return dg.Definitions(jobs=[job], schedules=schedules)


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


def _schedule(spec: ApiSyncSpec, schedule: ScheduleSpec, timezone: str) -> dg.ScheduleDefinition:
    names = SyncNames(spec.source)
    is_running = schedule.status == "running"

    @dg.schedule(
        name=names.schedule,
        job_name=names.job,
        cron_schedule=schedule.cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts an incremental sync of {spec.source}; skipped while another one is at work.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = datetime.now(UTC)
        if is_busy(context.instance, names.job, lock=names.lock, now=now):
            return dg.SkipReason(f"Another sync of {spec.source} is at work; this tick is skipped.")
        # Explicitly incremental: a run that starts after midnight would take yesterday's label for a choice.
        day = now.date().isoformat() if spec.is_partitioned else None
        return dg.RunRequest(
            partition_key=day, run_config=run_config_of(spec.source, sync_type="incremental")
        )

    return tick


def _is_at_work(record: dg.RunRecord, now: datetime) -> bool:
    answer = is_at_work(record.dagster_run)
    created_at = record.create_timestamp.replace(tzinfo=UTC)
    return now - created_at < _FIRST_STEP_WITHIN if answer is None else answer
