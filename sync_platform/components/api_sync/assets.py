"""The four assets of a source, upstream first: pages, normalized rows, table, log and watermark.

Here belong names, descriptions, partitions and what the UI knows before anything ran. The bodies are one
call each; what they do stands in `steps`, imported when a run needs it.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from sync_platform.components.api_sync.config import SyncConfig
from sync_platform.components.api_sync.hooks import build_success_hook
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource

if TYPE_CHECKING:
    StepResult = dg.MaterializeResult[None]
else:
    # An asset with a check must be annotated with the bare class, which Dagster compares by identity.
    StepResult = dg.MaterializeResult


Declare = Callable[..., Callable[[Callable[..., StepResult]], dg.AssetsDefinition]]


def build_assets(
    spec: ApiSyncSpec, on_failure: dg.HookDefinition, *, longest_gap: timedelta | None
) -> list[dg.AssetsDefinition]:
    """The four assets of one source.

    Args:
        spec: the source's YAML.
        on_failure: what runs when a step fails.
        longest_gap: between two ticks of its schedule, or None without one; the table's freshness.
    """
    declare: Declare = partial(
        dg.asset,
        group_name=SyncNames(spec.source).group,
        owners=spec.owners,
        tags={"flow": "pull", "source": spec.source},
        partitions_def=partitions_of(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        hooks={on_failure},
    )
    return [
        _pages(spec, declare),
        _normalized(spec, declare),
        _table(spec, declare, longest_gap),
        _metadata(spec, partial(declare, hooks={on_failure, build_success_hook(spec)})),
    ]


def partitions_of(spec: ApiSyncSpec) -> dg.DailyPartitionsDefinition | None:
    """Days in UTC from the source's start to today; None where the source has no change time."""
    if spec.first_day is None:
        return None
    return dg.DailyPartitionsDefinition(start_date=spec.first_day.isoformat(), end_offset=1, timezone="UTC")


def freshness_of(longest_gap: timedelta | None) -> dg.FreshnessPolicy | None:
    """Warn when one tick of the schedule brought nothing, fail when two did."""
    if longest_gap is None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=longest_gap * 2.5, warn_window=longest_gap * 1.5)


def _pages(spec: ApiSyncSpec, declare: Declare) -> dg.AssetsDefinition:
    @declare(
        name=SyncNames(spec.source).pages,
        description=f"Pages of {_what(spec)} as the API sent them, landed as files. The sync begins here: it "
        "reads what changed since the watermark, or exactly the chosen days. Pages that fail are queued and "
        "named; the sync goes on without them.",
        kinds={"http", "json"},
        metadata={"api": f"{spec.request.method} {spec.base_url}{spec.request.path}"},
    )
    def pages(
        context: dg.AssetExecutionContext,
        config: SyncConfig,
        settings: SettingsResource,
        warehouse: WarehouseResource,
    ) -> StepResult:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        return steps.read(context, spec, config, settings, warehouse)

    return pages


def _normalized(spec: ApiSyncSpec, declare: Declare) -> dg.AssetsDefinition:
    names = SyncNames(spec.source)

    @declare(
        name=names.normalized,
        deps=[names.pages],
        description=f"Rows made of the landed pages of {_what(spec)}, by the SQL in the YAML. Records that "
        "break the contract go to sync_quarantine with a reason. Run alone, it redoes every landed sync of "
        "its days without asking the API again.",
        kinds={"polars", "arrow"},
    )
    def normalized(
        context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> StepResult:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        return steps.normalize(context, spec, settings, warehouse)

    return normalized


def _table(spec: ApiSyncSpec, declare: Declare, longest_gap: timedelta | None) -> dg.AssetsDefinition:
    names = SyncNames(spec.source)

    @declare(
        name=names.table,
        deps=[names.normalized],
        description=f"The Postgres table `{spec.target.table}`: {_what(spec)}, one row each, by "
        f"`{spec.target.key}`. New and changed rows are written, equal ones are not touched, and a row never "
        "replaces a newer one.",
        kinds={"postgres", "table"},
        metadata={"dagster/table_name": spec.target.table},
        freshness_policy=freshness_of(longest_gap),
        check_specs=[_balance_spec(names)],
    )
    def table(
        context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> StepResult:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        return steps.load(context, spec, settings, warehouse)

    return table


def _metadata(spec: ApiSyncSpec, declare: Declare) -> dg.AssetsDefinition:
    names = SyncNames(spec.source)

    @declare(
        name=names.metadata,
        deps=[names.table],
        description=f"How the sync of {_what(spec)} ended: its row in sync_logs with the whole account, and "
        f"the watermark `{spec.watermark_name}` in sync_metadata, which moves only when it is proven that "
        "nothing was missed.",
        kinds={"postgres"},
        metadata={"watermark_key": spec.watermark_name},
    )
    def metadata(
        context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> StepResult:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        return steps.close(context, spec, settings, warehouse)

    return metadata


def _balance_spec(names: SyncNames) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=names.check,
        asset=names.table,
        blocking=True,
        description="Every record that was seen has ended as loaded, unchanged, counted as superseded, or "
        "named in a ledger. When the books do not balance, the watermark stays and the run fails.",
    )


def _what(spec: ApiSyncSpec) -> str:
    return spec.description or spec.source
