"""What the UI shows of a workflow: a step's figures on its asset, and the states of all steps as a table.

Pure: reports in, metadata out. Figures only; nothing of a customer stands in Dagster's event log.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import dagster as dg

from sync_platform.components.markdown import table
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.reports import StepReport, WorkflowReport

Metadata = dict[str, dg.MetadataValue[Any]]


def step_metadata(report: WorkflowReport, step: StepReport, shown: Mapping[str, Any]) -> Metadata:
    """What a done step's asset shows.

    Args:
        report: how the key stands.
        step: the done step.
        shown: the row of its `report` query; empty without one.
    """
    seconds = None if step.seconds is None else round(step.seconds, 3)
    figures: dict[str, Any] = {"attempt": step.attempt, "seconds": seconds}
    if step.account is not None:
        figures |= {**step.account.terms(), "is_balanced": step.account.is_balanced}
    figures |= {**step.terms, **shown}
    metadata = {name: _value(value) for name, value in figures.items() if value is not None}
    return {**metadata, "steps": dg.MetadataValue.md(states(report))}


def states(report: WorkflowReport) -> str:
    """Write the states of all steps as a table, in the YAML's order; then the actions of the last attempt."""
    header = ("step", "status", "seconds", "attempt", "account", "why")
    return table(header, [_line(step) for step in (*report.steps, *report.actions)])


def summary(report: WorkflowReport) -> str:
    """Say in one line how a key stands."""
    done = sum(step.status == "succeeded" for step in report.steps)
    line = (
        f"{report.key}: {report.status}, {done} of {len(report.steps)} steps done, attempt {report.attempt}"
    )
    if report.reason:
        where = f"{report.failed_step}: " if report.failed_step else ""
        line += f"; {where}{report.reason}"
    if report.next_attempt_at is not None:
        line += f"; tried again at {report.next_attempt_at:%Y-%m-%d %H:%M:%S}Z"
    return line


def balance(account: AudienceAccount) -> str:
    """Write an account as a sum: `100 = 99 notified + 1 suppressed`."""
    ends = (f"{count:,} {term}" for term, count in account.terms().items() if count and term != "audience")
    return f"{account.audience:,} = {' + '.join(ends) or '0'}"


def _line(step: StepReport) -> tuple[object, ...]:
    return (
        step.step,
        step.status,
        "" if step.seconds is None else f"{step.seconds:.2f}",
        step.attempt or "",
        "" if step.account is None else balance(step.account),
        step.error or "",
    )


def _value(value: Any) -> dg.MetadataValue[Any]:
    if isinstance(value, Decimal):
        return dg.MetadataValue.float(float(value))
    if isinstance(value, datetime):
        return dg.MetadataValue.timestamp(value)
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    return (
        dg.MetadataValue.json(value) if isinstance(value, dict | list) else dg.MetadataValue.text(str(value))
    )
