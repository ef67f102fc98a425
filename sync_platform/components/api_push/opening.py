"""How a step of a push begins: its turn, its progress, and what the engine needs.

Here belongs what every step of a push shares; what those of all flows share stands in `turns`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg

from sync_platform.components.api_push.names import PushNames
from sync_platform.components.api_push.progress import ProgressReporter
from sync_platform.components.api_push.report import progress_metadata
from sync_platform.components.turns import (
    StepContext,
    closed_when_interrupted,
    now,
    readable_failures,
    take_turn,
)
from sync_platform.push import push as engine
from sync_platform.push.progress import PushProgress, listen
from sync_platform.push.reports import PushContext
from sync_platform.push.spec import ApiPushSpec
from sync_platform.resources import SettingsResource, WarehouseResource


def push_context(
    spec: ApiPushSpec,
    names: PushNames,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    *,
    run_id: str,
    log: Callable[[str], None],
) -> PushContext:
    """Gather what the engine needs from outside; finds the database on first use.

    Raises:
        UsageError: a setting is wrong, or the database is unreachable or of another schema.
    """
    return PushContext(
        spec=spec,
        target=names.push,
        address=warehouse.address(),
        environment=settings.environment(),
        run_id=run_id,
        log=log,
        now=now,
    )


@contextmanager
def opened(
    context: StepContext,
    spec: ApiPushSpec,
    names: PushNames,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> Iterator[PushContext]:
    """Wait for the run's turn and lend what the step needs; expected errors end as one readable line."""
    with readable_failures():
        run_id, log = context.run.run_id, context.log.info
        push = push_context(spec, names, settings, warehouse, run_id=run_id, log=log)
        close_abandoned = partial(engine.abandoned_runs, push)
        take_turn(context, warehouse, lock=names.lock, what=names.what, close_abandoned=close_abandoned)
        with listen(_reporter(context, names)), closed_when_interrupted(partial(engine.fail, push)):
            yield push


def _reporter(context: StepContext, names: PushNames) -> ProgressReporter:
    def observe(event: PushProgress) -> None:
        context.log_event(dg.AssetObservation(names.deliveries, metadata=progress_metadata(event)))

    return ProgressReporter(target=names.push, log=context.log.info, observe=observe)
