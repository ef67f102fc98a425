"""How a step begins and ends: its turn, its label, its progress, and errors that a person can read.

Here belongs what every step shares. A run takes its source's lock with its first step and keeps it until
it ends, so that no two syncs of a source work at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import cast

import dagster as dg

from sync_platform.components.api_sync.abandoned import close_in_dagster, note_own_process
from sync_platform.components.api_sync.names import NO_WAIT_TAG, SyncNames
from sync_platform.components.api_sync.progress import ProgressReporter
from sync_platform.components.api_sync.report import progress_metadata
from sync_platform.pull import sync as engine
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.pull.reports import PullContext
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource
from sync_platform.vocabulary import SyncPlatformError

StepContext = dg.AssetExecutionContext | dg.OpExecutionContext

_PARTITION_TAG = "dagster/partition"


def pull_context(
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    *,
    run_id: str,
    log: Callable[[str], None],
) -> PullContext:
    """Gather what the engine needs from outside; finds the database on first use.

    Raises:
        UsageError: a setting is wrong, or the database is unreachable or of another schema.
    """
    return PullContext(
        spec=spec,
        address=warehouse.address(),
        landing_url=settings.load().landing_url,
        environment=settings.environment(),
        run_id=run_id,
        log=log,
        now=now,
    )


@contextmanager
def opened(
    context: StepContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> Iterator[PullContext]:
    """Wait for the run's turn and lend what the step needs; expected errors end as one readable line."""
    try:
        run_id, log = context.run.run_id, context.log.info
        pull = pull_context(spec, settings, warehouse, run_id=run_id, log=log)
        _take_turn(context, pull, warehouse)
        if isinstance(context, dg.AssetExecutionContext):
            _label_with_today(context, pull.now().date())
        with listen(_reporter(context, spec)), _closed_when_interrupted(pull):
            yield pull
    except SyncPlatformError as error:
        # Without the chain: its traceback says nothing that the message does not, and may quote values.
        raise dg.Failure(description=str(error), allow_retries=False) from None


@contextmanager
def _closed_when_interrupted(pull: PullContext) -> Iterator[None]:
    """Close a cancelled sync at once: Dagster runs no hooks after an interrupt."""
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        engine.fail(pull, "the run was cancelled")
        raise


def _take_turn(context: StepContext, pull: PullContext, warehouse: WarehouseResource) -> None:
    """Hold the source's lock until the run ends; its first taker closes what killed runs left open."""
    source = pull.spec.source
    is_taken_now = warehouse.hold_lock(
        SyncNames(source).lock,
        wait=NO_WAIT_TAG not in context.run.tags,
        on_wait=lambda: context.log.info("Another sync of %s is running; waiting for its end.", source),
    )
    if not is_taken_now:
        return
    note_own_process(context.instance, context.run.run_id)
    for run_id in engine.abandoned_runs(pull):
        close_in_dagster(context.instance, run_id)
        context.log.warning(
            "Run %s was killed during its sync of %s; it is closed as failed.", run_id, source
        )


def _label_with_today(context: dg.AssetExecutionContext, today: date) -> None:
    """Give a run of partitioned assets today's partition when it was launched without one.

    Dagster lets such a run start and then fails its second step. The run's record in memory is what the
    steps look at, the tag in storage is what the UI shows, so both are set.
    """
    if not context.assets_def.partitions_def or has_partition(context):
        return
    label = {_PARTITION_TAG: today.isoformat()}
    context.instance.add_run_tags(context.run.run_id, label)
    cast("dict[str, str]", context.run.tags).update(label)
    context.log.info("The run was launched without a partition; it is labelled with today, %s.", today)


def now() -> datetime:
    """The clock of all syncs, in UTC."""
    return datetime.now(UTC)


def has_partition(context: dg.AssetExecutionContext) -> bool:
    """Tell whether a run has a label: one partition, or a range."""
    return bool(context.has_partition_key or context.has_partition_key_range)


def _reporter(context: StepContext, spec: ApiSyncSpec) -> ProgressReporter:
    pages = SyncNames(spec.source).pages
    partition = context.partition_key if context.has_partition_key else None

    def observe(event: ProgressEvent) -> None:
        metadata = progress_metadata(event)
        context.log_event(dg.AssetObservation(pages, partition=partition, metadata=metadata))

    return ProgressReporter(source=spec.source, log=context.log.info, observe=observe)
