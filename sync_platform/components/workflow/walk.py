"""One run of a workflow as Dagster runs it: claim the key, walk its steps, show where each ended.

The body of the multi-asset imports this when a run needs it, not before: the engine brings drivers and an
HTTP client, which loading the definitions can do without.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg
from psycopg.rows import dict_row

from sync_platform.components.abandoned import close_in_dagster, note_own_process
from sync_platform.components.api_push.progress import ProgressReporter
from sync_platform.components.api_push.report import progress_metadata
from sync_platform.components.turns import Clock, readable_failures
from sync_platform.components.workflow import report as reports
from sync_platform.components.workflow.config import WorkflowConfig
from sync_platform.components.workflow.hooks import AttemptFailedError
from sync_platform.components.workflow.instances import run_instance
from sync_platform.components.workflow.names import ATTEMPT_TAG, STARTER_TAG, WorkflowNames
from sync_platform.push.progress import PushProgress, listen
from sync_platform.resources import AlertsResource, SettingsResource, WarehouseResource
from sync_platform.vocabulary import PermanentError, UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement
from sync_platform.workflow import engine
from sync_platform.workflow.push_step import target_of
from sync_platform.workflow.reports import (
    Order,
    Refusal,
    Starter,
    StepReport,
    WorkflowContext,
    WorkflowReport,
)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a workflow reaches of the outside: settings, database, people, clock."""

    settings: SettingsResource
    warehouse: WarehouseResource
    alerts: AlertsResource
    clock: Clock


def workflow_context(
    names: WorkflowNames,
    outside: Outside,
    address: DatabaseAddress,
    *,
    run_id: str,
    log: Callable[[str], None],
) -> WorkflowContext:
    """Gather what the engine needs from outside."""
    return WorkflowContext(
        spec=names.spec,
        name=names.workflow,
        address=address,
        environment=outside.settings.environment(),
        run_id=run_id,
        log=log,
        now=outside.clock,
        alert=outside.alerts.send,
        run_instance=run_instance,
    )


def walk(
    context: dg.AssetExecutionContext, names: WorkflowNames, config: WorkflowConfig, outside: Outside
) -> None:
    """Bring one key forward: claim it, run what is not done, and materialize each step as it is done.

    What cannot be claimed (done, running elsewhere, not due) ends well without doing anything; the steps
    that are done are shown again.

    Raises:
        AttemptFailedError: the attempt failed; the ledger has the step and the reason.
        dg.Failure: it could not be tried: unknown key, wrong variable, database lost.
    """
    with readable_failures():
        note_own_process(context.instance, context.run.run_id)
        key = _key_of(context)
        address = outside.warehouse.address()
        workflow = workflow_context(names, outside, address, run_id=context.run.run_id, log=context.log.info)
        if (dead := engine.recover_key(workflow, key)) is not None:
            close_in_dagster(context.instance, dead.run_id)
        claim = engine.claim(workflow, Order(key, by=_starter_of(context), variables=config.variables))
        if not (isinstance(claim, Refusal) and claim.why == "unknown"):
            context.instance.add_dynamic_partitions(names.partitions, [key])
        shown = _Shown(context, workflow, key)
        if isinstance(claim, Refusal):
            if claim.why == "unknown":
                raise UsageError(f"{claim.message}.")
            context.log.info("%s; nothing is done.", claim.message)
            shown.show_done()
            return
        with _watched(context, workflow, key):
            report = engine.run_workflow(workflow, claim, only=_chosen(context, names), on_step=shown)
    context.log.info(reports.summary(report))
    context.instance.add_run_tags(context.run.run_id, {ATTEMPT_TAG: str(report.attempt)})
    if report.status == "failed":
        is_told = any(action.alert is not None for action in names.spec.on_failure)
        raise AttemptFailedError(reports.summary(report), is_told=is_told)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Materializes the asset of each step that is done, at that moment."""

    context: dg.AssetExecutionContext
    workflow: WorkflowContext
    key: str

    def __call__(self, step: StepReport) -> None:
        """Show a step that succeeded, in this attempt or before."""
        if step.status == "succeeded":
            self._show(engine.describe(self.workflow, self.key), step)

    def show_done(self) -> None:
        """Show every step that is done already, whoever did it; none where the key was never claimed."""
        try:
            report = engine.describe(self.workflow, self.key)
        except PermanentError:
            return
        for step in report.steps:
            if step.status == "succeeded":
                self._show(report, step)

    def _show(self, report: WorkflowReport, step: StepReport) -> None:
        metadata = reports.step_metadata(report, step, self._row_of(step.step))
        self.context.log_event(dg.AssetMaterialization(step.step, partition=self.key, metadata=metadata))

    def _row_of(self, name: str) -> dict[str, Any]:
        """The first row of the step's `report` query; empty without one."""
        query = self.workflow.spec.step(name).report
        if query is None:
            return {}
        with (
            closing(connect(self.workflow.address, autocommit=True)) as connection,
            classifying(f"asking what to show of a step ({query})"),
        ):
            cursor = connection.cursor(row_factory=dict_row).execute(statement(query), {"key": self.key})
            return cursor.fetchone() or {}


@contextmanager
def _watched(context: dg.AssetExecutionContext, workflow: WorkflowContext, key: str) -> Iterator[None]:
    """Show the progress of bulk sends: lines in the log, few observations on their assets."""

    def reporter(step: str) -> ProgressReporter:
        def observe(event: PushProgress) -> None:
            metadata = progress_metadata(event)
            context.log_event(dg.AssetObservation(step, partition=key, metadata=metadata))

        target = target_of(workflow.name, step, key)
        return ProgressReporter(target, lambda line: context.log.info("%s: %s", step, line), observe)

    with ExitStack() as stack:
        for step in workflow.spec.steps:
            if step.kind == "push":
                stack.enter_context(listen(reporter(step.name)))
        yield


def _key_of(context: dg.AssetExecutionContext) -> str:
    if not context.has_partition_key:
        raise UsageError("A workflow runs for one key at a time; choose one partition.")
    return str(context.partition_key)


def _starter_of(context: dg.AssetExecutionContext) -> Starter:
    return cast("Starter", context.run.tags.get(STARTER_TAG, "hand"))


def _chosen(context: dg.AssetExecutionContext, names: WorkflowNames) -> frozenset[str] | None:
    """The chosen steps; None where all are."""
    chosen = frozenset(key.to_user_string() for key in context.selected_asset_keys)
    return None if chosen == set(names.assets) else chosen
