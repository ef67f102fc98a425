"""The two assets of a push: what is to be sent, and what was delivered.

Here belong names, descriptions and what the UI knows before anything ran. The bodies are one call each; what
they do stands in `steps`, imported when a run needs it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from sync_platform.components.api_push.config import PushConfig
from sync_platform.components.api_push.names import PushNames
from sync_platform.push.pace import DEFAULT_WAIT_S
from sync_platform.push.spec import ApiPushSpec
from sync_platform.resources import SettingsResource, WarehouseResource

if TYPE_CHECKING:
    StepResult = dg.MaterializeResult[None]
else:
    # An asset with a check must be annotated with the bare class, which Dagster compares by identity.
    StepResult = dg.MaterializeResult


def build_assets(
    spec: ApiPushSpec, names: PushNames, hooks: frozenset[dg.HookDefinition]
) -> list[dg.AssetsDefinition]:
    """The two assets of one push; `hooks` run when a step ends."""
    return [_source(spec, names, hooks), _deliveries(spec, names, hooks)]


def _source(spec: ApiPushSpec, names: PushNames, hooks: frozenset[dg.HookDefinition]) -> dg.AssetsDefinition:
    @dg.asset(
        name=names.source,
        deps=spec.deps,
        group_name=names.group,
        owners=spec.owners,
        tags=_tags(names),
        kinds={"postgres", "sql"},
        hooks=hooks,
        description=f"{_what(spec, names)}: the rows of `sql/{spec.source}.sql` as they are now, one each by "
        f"`{spec.key}`. Shows how many there are and which columns a request may use.",
        metadata={"sql": f"sql/{spec.source}.sql"},
    )
    def source(
        context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> StepResult:
        from sync_platform.components.api_push import steps  # noqa: PLC0415 -- brings the engine, see there

        return steps.select(context, spec, names, settings, warehouse)

    return source


def _deliveries(
    spec: ApiPushSpec, names: PushNames, hooks: frozenset[dg.HookDefinition]
) -> dg.AssetsDefinition:
    @dg.asset(
        name=names.deliveries,
        deps=[names.source],
        group_name=names.group,
        owners=spec.owners,
        tags=_tags(names),
        kinds={"http", "json"},
        hooks=hooks,
        check_specs=[_balance_spec(names)],
        # A dry run sends nothing, so it materializes nothing.
        output_required=False,
        description=f"{_what(spec, names)}, sent to the receiver one by one, once each: "
        f"{pace_in_words(spec)}. The intent is written to push_deliveries before each request and its "
        "outcome after it, so that a push goes on where another one was stopped. Who got nothing is named "
        "with a reason. In the launchpad: `limit`, `send`, `dry_run`, and a pace for this push alone.",
        metadata={"receiver": f"{spec.request.method} {spec.request.url}"},
    )
    def deliveries(
        context: dg.AssetExecutionContext,
        config: PushConfig,
        settings: SettingsResource,
        warehouse: WarehouseResource,
    ) -> Iterator[StepResult | dg.AssetCheckResult]:
        from sync_platform.components.api_push import steps  # noqa: PLC0415 -- brings the engine, see there

        yield from steps.deliver(context, spec, names, settings, warehouse, config=config)

    return deliveries


def pace_in_words(spec: ApiPushSpec) -> str:
    """Say how fast a push sends, as its YAML asks for it."""
    pace = spec.pace
    if pace.max_requests_per_s is not None:
        return f"at most {pace.max_requests_per_s:g} a second"
    wait_s = DEFAULT_WAIT_S if pace.wait_s is None else pace.wait_s
    return f"the next one {wait_s:g} s after each answer" if wait_s else "as fast as the receiver answers"


def _balance_spec(names: PushNames) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=names.check,
        asset=names.deliveries,
        blocking=True,
        description="Every selected customer has ended as delivered, already delivered, dead, in doubt or "
        "planned. When the books do not balance, the run fails.",
    )


def _tags(names: PushNames) -> dict[str, str]:
    return {"flow": "push", "push": names.push}


def _what(spec: ApiPushSpec, names: PushNames) -> str:
    return spec.description or names.source
