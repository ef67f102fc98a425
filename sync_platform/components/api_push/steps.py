"""The steps of a push as Dagster runs them: what a run was launched for, one engine call, a report.

Asset bodies import this when a run needs it, not before: the engine brings an HTTP client and the drivers,
which loading the definitions can do without.
"""

from collections.abc import Iterator

import dagster as dg

from sync_platform.components.api_push import report as reports
from sync_platform.components.api_push.config import PushConfig, spec_for
from sync_platform.components.api_push.names import PUSH_ID_TAG, PushNames
from sync_platform.components.api_push.opening import opened, push_context
from sync_platform.components.turns import readable_failures
from sync_platform.push import afterwards
from sync_platform.push import push as engine
from sync_platform.push.plan import describe_source
from sync_platform.push.reports import PushContext
from sync_platform.push.spec import ApiPushSpec
from sync_platform.resources import SettingsResource, WarehouseResource

StepResult = dg.MaterializeResult[None]

_MOST_LISTED = 50


def select(
    context: dg.AssetExecutionContext,
    spec: ApiPushSpec,
    names: PushNames,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> StepResult:
    """Tell what the source's query returns now; it reads only, so it needs no turn."""
    run_id, log = context.run.run_id, context.log.info
    with readable_failures():
        push = push_context(spec, names, settings, warehouse, run_id=run_id, log=log)
        return dg.MaterializeResult(metadata=reports.source_metadata(describe_source(push)))


def deliver(
    context: dg.AssetExecutionContext,
    spec: ApiPushSpec,
    names: PushNames,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    *,
    config: PushConfig,
) -> Iterator[StepResult | dg.AssetCheckResult]:
    """Send what the receiver does not have; a dry run shows it instead and materializes nothing."""
    with readable_failures():
        asked = spec_for(spec, config)
    with opened(context, asked, names, settings, warehouse) as push:
        report = engine.run_push(push)
        if asked.dry_run:
            metadata = reports.dry_run_metadata(report)
            context.log_event(dg.AssetObservation(names.deliveries, metadata=metadata))
            yield reports.balance_check(names, report)
            return
        context.instance.add_run_tags(context.run.run_id, {PUSH_ID_TAG: str(report.push_id)})
        undelivered = afterwards.undelivered(push, most=_MOST_LISTED)
    yield dg.MaterializeResult(
        metadata=reports.push_metadata(context.run.run_id, report, undelivered),
        check_results=[reports.balance_check(names, report)],
    )


def replay(
    context: dg.OpExecutionContext,
    spec: ApiPushSpec,
    names: PushNames,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> dict[str, int]:
    """Send what is dead or parked again and report the counts; a rerun takes those that died again."""
    with opened(context, spec, names, settings, warehouse) as push:
        return reports.replay_counts(engine.replay(push))


def record_failure(push: PushContext, reason: str) -> None:
    """Close the push that this run began as failed; a rerun changes nothing."""
    engine.fail(push, reason)


def why_incomplete(push: PushContext) -> str | None:
    """Say why this run's push ended before everything was sent; None where it did not."""
    return afterwards.why_incomplete(push)


def is_recovery(push: PushContext) -> bool:
    """Tell whether the push before this run's one had failed or stopped early."""
    return engine.had_failed_before(push)
