"""Running a workflow from its verb: one run a key, then how each step stands, and the exit code.

Whether a key may be taken is the claim's decision, here as for the sensor: what is done, running or not due
is left alone, and that is no error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from sync_platform.cli import exits, terminal
from sync_platform.cli.runs import RunOutcome, run_here
from sync_platform.cli.watch import watching
from sync_platform.components.turns import now
from sync_platform.components.workflow.launch import variables_from, workflow_named, workflow_request
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.components.workflow.report import balance, summary
from sync_platform.components.workflow.walk import Outside, workflow_context
from sync_platform.home.database import open_current_database
from sync_platform.home.instance import prepare_instance
from sync_platform.resources import AlertsResource, SettingsResource, WarehouseResource
from sync_platform.settings import load_settings
from sync_platform.vocabulary import PermanentError, UsageError
from sync_platform.workflow import engine
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.due import candidates_of
from sync_platform.workflow.reports import WorkflowContext, WorkflowReport


@dataclass(frozen=True, slots=True)
class Ended:
    """How a key stands after its run.

    Attributes:
        report: of the key, or None where it was never claimed.
        outcome: of the Dagster run.
        is_ours: whether this run claimed the key.
    """

    report: WorkflowReport | None
    outcome: RunOutcome
    is_ours: bool


def run_and_show(name: str, key: str | None, said: Sequence[str], *, as_json: bool) -> int:
    """Run one key, or all that is due, one after the other; return the exit code.

    Raises:
        UsageError: no such workflow, key or variable, or a setting is wrong.
    """
    variables, settings = variables_from(said), load_settings()
    workflow = workflow_named(name)
    names = WorkflowNames(workflow.name, workflow.spec)
    with open_current_database(settings) as address:
        prepare_instance(settings, address)
        outside = Outside(SettingsResource(), WarehouseResource(), AlertsResource(), now)
        context = workflow_context(names, outside, address, run_id="", log=terminal.say)
        keys = [key] if key is not None else [due.key for due in engine.due_work(context, "hand").due]
        if key is not None:
            _require_known(context, key)
        ends = [_run(context, one, variables) for one in keys]
    for end in ends:
        _show(context, end, to_messages=as_json)
    if not ends:
        terminal.say(f"{workflow.name}: nothing is due.")
    if as_json:
        terminal.print_json(_flat(context, ends))
    return exits.worst(_exit_code(end) for end in ends)


def _require_known(context: WorkflowContext, key: str) -> None:
    if engine.is_known(context, key):
        return
    candidates, _ = candidates_of(context, "hand")
    if key not in {one.key for one in candidates}:
        raise UsageError(
            f"{context.name} knows no {context.spec.trigger.key} `{key}`: the trigger's query "
            f"({context.spec.trigger.sql}) does not return it. Check its spelling."
        )


def _run(context: WorkflowContext, key: str, variables: Mapping[str, Any]) -> Ended:
    before = _described(context, key)
    with watching(terminal.messages()) as lines:
        outcome = run_here(workflow_request(context.name, key, variables), lines)
    after = _described(context, key)
    is_ours = after is not None and (before is None or after.attempt > before.attempt)
    return Ended(after, outcome, is_ours)


def _described(context: WorkflowContext, key: str) -> WorkflowReport | None:
    try:
        return engine.describe(context, key)
    except PermanentError:
        return None


def _show(context: WorkflowContext, end: Ended, *, to_messages: bool) -> None:
    if end.report is None:
        terminal.say(end.outcome.reason or f"{context.name}: it is not due; nothing was done.")
        return
    console = terminal.result_console(to_messages=to_messages)
    table = Table("step", "status", "attempt", "seconds", "account")
    for step in end.report.steps:
        seconds = "" if step.seconds is None else f"{step.seconds:.2f}"
        account = "" if step.account is None else balance(step.account)
        table.add_row(step.step, step.status, str(step.attempt or ""), seconds, account)
    console.print(f"{escape(context.name)} of {escape(end.report.key)}", highlight=False)
    console.print(table)
    left_alone = "" if end.is_ours else " (left alone)"
    line = f"{summary(end.report)}{left_alone}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    if end.outcome.reason and end.report.status != "failed":
        console.print(f"Failed: {end.outcome.reason}", markup=False, highlight=False, soft_wrap=True)


def _flat(context: WorkflowContext, ends: Sequence[Ended]) -> dict[str, Any]:
    """The last key as one flat object; its account is that of its last bulk send."""
    end = ends[-1] if ends else None
    report = end.report if end is not None else None
    sends = [step.account for step in report.steps if step.account is not None] if report else []
    return {
        "workflow": context.name,
        "keys": len(ends),
        "key": report.key if report else None,
        "run_id": end.outcome.run_id if end else None,
        "attempt": report.attempt if report else 0,
        "status": report.status if report else "not_due",
        "failed_step": report.failed_step if report else None,
        "reason": report.reason if report else None,
        "next_attempt_at": report.next_attempt_at if report else None,
        "duration_seconds": report.duration_seconds if report else 0,
        "steps": len(context.spec.steps),
        "steps_done": sum(step.status == "succeeded" for step in report.steps) if report else 0,
        "is_left_alone": end is None or not end.is_ours,
        "proof": "ledger" if all(send.is_balanced for send in sends) else "none",
        **(sends[-1] if sends else AudienceAccount()).terms(),
    }


def _exit_code(end: Ended) -> int:
    """Tell the exit code of one key: what was left alone is well, whatever state it is in."""
    if not end.outcome.is_success:
        return exits.FAILED
    if end.report is None or not end.is_ours:
        return exits.COMPLETE
    sends = [step.account for step in end.report.steps if step.account is not None]
    is_left = any(send.dead or send.in_doubt or send.planned for send in sends)
    return exits.UNFINISHED if end.report.status != "done" or is_left else exits.COMPLETE
