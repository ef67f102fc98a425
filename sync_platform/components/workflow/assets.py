"""The steps of a workflow as assets: one multi-asset, because the engine decides which step is next.

Here belong names, descriptions, lineage and what the UI knows before anything ran. The body is one call;
what it does stands in `walk`, imported when a run needs it.
"""

from collections.abc import Iterator

import dagster as dg

from sync_platform.components.turns import Clock
from sync_platform.components.workflow.config import WorkflowConfig
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.resources import AlertsResource, SettingsResource, WarehouseResource
from sync_platform.workflow.spec import PushStepSpec, StepSpec

_ICONS = {"sql": "postgres", "http": "http", "push": "http", "instance": "dagster"}


def build_assets(
    names: WorkflowNames, hooks: frozenset[dg.HookDefinition], *, clock: Clock
) -> dg.AssetsDefinition:
    """The steps of one workflow; each key is a partition.

    Args:
        names: of the workflow, with its YAML.
        hooks: what runs when a run of the steps ends.
        clock: decides what is due; UTC.
    """

    @dg.multi_asset(
        name=names.op,
        specs=[_spec_of(names, step) for step in names.spec.steps],
        partitions_def=partitions_of(names),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(),
        hooks=hooks,
        description=names.spec.description,
    )
    def steps(
        context: dg.AssetExecutionContext,
        config: WorkflowConfig,
        settings: SettingsResource,
        warehouse: WarehouseResource,
        alerts: AlertsResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        from sync_platform.components.workflow import walk  # noqa: PLC0415 -- brings the engine, see there

        walk.walk(context, names, config, walk.Outside(settings, warehouse, alerts, clock))
        # Every step was materialized at the moment when it was done; nothing is left to yield.
        yield from ()

    return steps


def partitions_of(names: WorkflowNames) -> dg.DynamicPartitionsDefinition:
    """The keys; they are added as they come due."""
    return dg.DynamicPartitionsDefinition(name=names.partitions)


def _spec_of(names: WorkflowNames, step: StepSpec) -> dg.AssetSpec:
    before = [edge.step for edge in step.after.edges]
    return dg.AssetSpec(
        step.name,
        deps=list(dict.fromkeys([*before, *step.deps])),
        description=_description(names, step),
        group_name=names.workflow,
        owners=names.spec.owners,
        kinds={_ICONS[step.kind]},
        tags={"flow": "workflow", "workflow": names.workflow},
        metadata={"step": _what(step), "begins": _begins(step)},
        # A branch that is not taken is not materialized, and that is no failure.
        skippable=True,
    )


def _description(names: WorkflowNames, step: StepSpec) -> str:
    said = step.description or f"A step of {names.workflow}."
    return (
        f"{said}\n\nA step of the workflow `{names.workflow}`, once a partition. Materializing it runs it "
        "where its turn has come; what is done is never done again, and only shown."
    )


def _what(step: StepSpec) -> str:
    if step.sql is not None:
        return f"SQL: sql/{step.sql}.sql"
    if step.http is not None:
        return f"HTTP: {step.http.request.method} {step.http.request.url}"
    if isinstance(step.push, PushStepSpec):
        return f"one request a row of sql/{step.push.source}.sql: {step.push.request.url}"
    return f"sync {step.sync}" if step.sync is not None else f"push {step.push}"


def _begins(step: StepSpec) -> str:
    edges = [f"{edge.on} of {edge.step}" for edge in step.after.edges]
    if not edges:
        return "at once"
    return f"after {(' or ' if step.after.any else ' and ').join(edges)}"
