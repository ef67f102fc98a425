"""The four steps and the retry as Dagster runs them: what a run was launched for, one engine call, a report.

Asset bodies import this when a run needs it, not before: the engine brings polars and an HTTP client, which
loading the definitions can do without.
"""

from datetime import date

import dagster as dg

from sync_platform.components.api_sync import report as reports
from sync_platform.components.api_sync.config import SyncConfig
from sync_platform.components.api_sync.names import SYNC_ID_TAG, SYNC_TYPE_TAG, SyncNames
from sync_platform.components.api_sync.opening import has_partition, opened
from sync_platform.components.api_sync.order import Launch, order_for
from sync_platform.components.turns import now
from sync_platform.home.environment import environment_mapping
from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.replay import replay_quarantine
from sync_platform.pull.reports import PullContext, Scope
from sync_platform.pull.retry import drain, due_count
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import parse_time
from sync_platform.resources import SettingsResource, WarehouseResource
from sync_platform.settings import load_settings
from sync_platform.warehouse.address import DatabaseAddress

StepResult = dg.MaterializeResult[None]

_RANGE_TAG = "dagster/asset_partition_range_start"
_BACKFILL_TAG = "dagster/backfill"
_IMPLICIT_JOB_PREFIX = "__ASSET_JOB"


def read(
    context: dg.AssetExecutionContext,
    spec: ApiSyncSpec,
    config: SyncConfig,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> StepResult:
    """Read and land what the run was launched for; begins a new sync each time it runs."""
    is_labelled = has_partition(context)
    with opened(context, spec, settings, warehouse) as pull:
        launch = _launch_of(context, config, is_labelled=is_labelled)
        report = engine.read_source(pull, order_for(launch, today=pull.now().date()))
        tags = {SYNC_ID_TAG: str(report.sync_id), SYNC_TYPE_TAG: report.sync_type}
        context.instance.add_run_tags(context.run.run_id, tags)
    return dg.MaterializeResult(metadata=reports.read_metadata(spec, report))


def normalize(
    context: dg.AssetExecutionContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> StepResult:
    """Make rows of landed pages: this run's, or all of its partitions' when it runs alone."""
    with opened(context, spec, settings, warehouse) as pull:
        report = engine.normalize(pull, _scope_of(context))
    return dg.MaterializeResult(metadata=reports.normalize_metadata(spec, report))


def load(
    context: dg.AssetExecutionContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> StepResult:
    """Load the rows and judge the account; an account that does not balance stops the run here."""
    with opened(context, spec, settings, warehouse) as pull:
        report = engine.load(pull, _scope_of(context))
    check = reports.balance_check(SyncNames(spec.source), report)
    return dg.MaterializeResult(metadata=reports.load_metadata(spec, report), check_results=[check])


def close(
    context: dg.AssetExecutionContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> StepResult:
    """Write the log and move the watermark where the sync is proven."""
    with opened(context, spec, settings, warehouse) as pull:
        closed = engine.close(pull, _scope_of(context))
    return dg.MaterializeResult(metadata=reports.close_metadata(context.run.run_id, closed))


def record_failure(pull: PullContext, reason: str) -> None:
    """Close the sync that this run began as failed; a rerun changes nothing."""
    turns.fail(pull, reason)


def is_recovery(pull: PullContext) -> bool:
    """Tell whether the sync before this run's one had failed."""
    return turns.had_failed_before(pull)


def retry(
    context: dg.OpExecutionContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    *,
    is_all: bool,
) -> dict[str, int]:
    """Redo what syncs had queued and report the counts; a rerun takes what is left."""
    with opened(context, spec, settings, warehouse) as pull:
        return reports.retry_counts(drain(pull, is_all=is_all))


def replay(
    context: dg.OpExecutionContext,
    spec: ApiSyncSpec,
    settings: SettingsResource,
    warehouse: WarehouseResource,
) -> dict[str, int]:
    """Judge the quarantine anew and report the counts; a rerun judges what is left."""
    with opened(context, spec, settings, warehouse) as pull:
        return reports.replay_counts(replay_quarantine(pull))


def due_entries(spec: ApiSyncSpec, address: DatabaseAddress) -> int:
    """Count the queued entries that are due now, outside of any run."""
    settings = load_settings()
    pull = PullContext(
        spec=spec,
        address=address,
        landing_url=settings.landing_url,
        environment=environment_mapping(),
        run_id="",
        log=lambda _: None,
        now=now,
    )
    return due_count(pull)


def _days_of(context: dg.AssetExecutionContext) -> tuple[date, date] | None:
    if not context.assets_def.partitions_def:
        return None
    chosen = context.partition_key_range
    return date.fromisoformat(chosen.start), date.fromisoformat(chosen.end)


def _scope_of(context: dg.AssetExecutionContext) -> Scope:
    return Scope(run_id=context.run.run_id, days=_days_of(context))


def _launch_of(context: dg.AssetExecutionContext, config: SyncConfig, *, is_labelled: bool) -> Launch:
    tags = context.run.tags
    is_by_hand = context.run.job_name.startswith(_IMPLICIT_JOB_PREFIX)
    return Launch(
        sync_type=None if config.type is None else config.type.value,
        since=parse_time(config.since) if config.since else None,
        until=parse_time(config.until) if config.until else None,
        days=_days_of(context),
        is_chosen=is_labelled and (is_by_hand or _BACKFILL_TAG in tags or _RANGE_TAG in tags),
    )
