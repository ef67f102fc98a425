"""What a tick of sensor or schedule does: close the dead, ask what is due, request a run for each of it.

Here belongs the way from the engine's answer to Dagster's requests. A key is requested again only when no
run of it is on its way; that nothing runs twice is the claim's promise, not the tick's.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from sync_platform.components.abandoned import close_in_dagster, is_at_work
from sync_platform.components.turns import Clock
from sync_platform.components.workflow.names import PARTITION_TAG, STARTER_TAG, WorkflowNames
from sync_platform.components.workflow.walk import Outside, workflow_context
from sync_platform.resources import AlertsResource, SettingsResource, WarehouseResource
from sync_platform.resources.warehouse import running_database
from sync_platform.vocabulary import RetryableError, UsageError
from sync_platform.workflow import engine
from sync_platform.workflow.reports import Due, Starter, WorkflowContext

_FIRST_STEP_WITHIN = timedelta(minutes=10)
_RUNS_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick found.

    Attributes:
        requests: one run a key that is due and not on its way.
        reason: why there are none.
        problems: one line a row of the query that is of no use.
    """

    requests: list[dg.RunRequest] = field(default_factory=list)
    reason: str = "Nothing is due."
    problems: tuple[str, ...] = ()


def tick(
    names: WorkflowNames,
    instance: dg.DagsterInstance,
    *,
    by: Starter,
    clock: Clock,
    log: Callable[[str], None],
) -> Tick:
    """Close runs that died, ask what is due, and make each key a partition and a request.

    A database that does not run or was lost is a reason to skip; the next tick finds the same work.

    Raises:
        PermanentError: the trigger's query is broken; the message names its file.
    """
    try:
        address = running_database()
        if address is None:
            return Tick(reason="The embedded Postgres does not run; a tick never starts it.")
        outside = Outside(SettingsResource(), WarehouseResource(), AlertsResource(), clock)
        context = workflow_context(names, outside, address, run_id="", log=log)
        _close_dead(context, instance, log)
        return _requested(names, instance, context, by=by)
    except (RetryableError, UsageError) as error:
        return Tick(reason=f"The database could not be asked: {error}")


def has_news(found: Tick, cursor: str | None) -> bool:
    """Say whether a tick found problems that the one before did not."""
    return bool(found.problems) and cursor_of(found) != cursor


def cursor_of(found: Tick) -> str:
    """Write a tick's problems so that the next one can tell whether they are new."""
    return hashlib.sha256("\n".join(sorted(found.problems)).encode()).hexdigest() if found.problems else ""


def tell_problems(names: WorkflowNames, found: Tick) -> None:
    """Tell people of rows that cannot be run; the others go on."""
    AlertsResource().send(f"{names.workflow}: rows of the trigger cannot be run", "\n".join(found.problems))


def _close_dead(context: WorkflowContext, instance: dg.DagsterInstance, log: Callable[[str], None]) -> None:
    for dead in engine.recover(context):
        if dead.run_id and close_in_dagster(instance, dead.run_id):
            log(f"Run {dead.run_id} of {dead.key} died; it is closed as failed.")


def _requested(
    names: WorkflowNames, instance: dg.DagsterInstance, context: WorkflowContext, *, by: Starter
) -> Tick:
    found = engine.due_work(context, by)
    for line in found.problems:
        context.log(line)
    instance.add_dynamic_partitions(names.partitions, [one.key for one in found.due])
    asked = [_request(names, instance, one, by) for one in found.due]
    reason = f"All {len(asked)} that are due are on their way." if asked else "Nothing is due."
    requests = [request for request in asked if request is not None]
    return Tick(requests, " ".join((reason, *found.problems)), found.problems)


def _request(
    names: WorkflowNames, instance: dg.DagsterInstance, due: Due, by: Starter
) -> dg.RunRequest | None:
    """Make the run of one key, or None while a run of it is on its way."""
    of_key = dg.RunsFilter(job_name=names.job, tags={PARTITION_TAG: due.key})
    records = instance.get_run_records(of_key, limit=_RUNS_LOOKED_AT)
    if any(_is_on_its_way(record) for record in records):
        return None
    previous = records[0].dagster_run.run_id if records else "first"
    return dg.RunRequest(
        run_key=names.run_key(due.key, due.attempt, previous),
        partition_key=due.key,
        tags={STARTER_TAG: by},
    )


def _is_on_its_way(record: dg.RunRecord) -> bool:
    run = record.dagster_run
    if run.is_finished:
        return False
    if run.status == dg.DagsterRunStatus.QUEUED:
        return True
    answer = is_at_work(run)
    created_at = record.create_timestamp.replace(tzinfo=UTC)
    return datetime.now(UTC) - created_at < _FIRST_STEP_WITHIN if answer is None else answer
