"""How a step of a sync begins: its turn, its label, its progress, and what the engine needs.

Here belongs what every step of a sync shares; what those of all flows share stands in `turns`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import cast

import dagster as dg

from sync_platform.components.api_sync.names import SyncNames
from sync_platform.components.api_sync.progress import ProgressReporter
from sync_platform.components.api_sync.report import progress_metadata
from sync_platform.components.turns import (
    StepContext,
    closed_when_interrupted,
    now,
    readable_failures,
    take_turn,
)
from sync_platform.pull import turns
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.pull.reports import PullContext
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource

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
        connection=warehouse.connection(),
    )


@contextmanager
def opened(
    context: StepContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> Iterator[PullContext]:
    """Wait for the run's turn and lend what the step needs; expected errors end as one readable line."""
    with readable_failures():
        run_id, log = context.run.run_id, context.log.info
        pull = pull_context(spec, settings, warehouse, run_id=run_id, log=log)
        names = SyncNames(spec.source)
        close_abandoned = partial(turns.take_turn, pull)
        take_turn(context, warehouse, lock=names.lock, what=names.what, close_abandoned=close_abandoned)
        if isinstance(context, dg.AssetExecutionContext):
            _label_with_today(context, pull.now().date())
        # What was interrupted may still use the run's connection.
        fail = partial(turns.fail, replace(pull, connection=None))
        with listen(_reporter(context, spec)), closed_when_interrupted(fail):
            yield pull


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
