"""What is due: the rows of the trigger's query, judged one by one.

The query is asked about now and looks back as far as it likes, so that nothing depends on when a tick came.
A row that is of no use is named and the others go on. Reads only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement
from sync_platform.workflow.grammar import TriggerSpec
from sync_platform.workflow.ledger import WorkflowLedger, open_ledger
from sync_platform.workflow.references import bound_in
from sync_platform.workflow.reports import Due, DueReport, Starter, WorkflowContext
from sync_platform.workflow.values import bindable, stored
from sync_platform.workflow.walk import claimable

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the trigger's query that can be used.

    Attributes:
        key: its first column, as text.
        variables: all its columns.
        is_late: its time was over before it could run.
    """

    key: str
    variables: Mapping[str, Any]
    is_late: bool


def due_work(context: WorkflowContext, by: Starter = "sensor") -> DueReport:
    """Ask what is due now and can be taken; writes nothing.

    Runs that died are not due before `recover` closed them.

    Args:
        context: the workflow's.
        by: the schedule looks `lead_s` ahead, the others do not.

    Raises:
        PermanentError: the query fails, or lacks a column; the message names it.
        RetryableError: the database was lost.
    """
    candidates, problems = candidates_of(context, by)
    with open_ledger(context) as ledger:
        runs = {row["key"]: row for row in ledger.runs([one.key for one in candidates])}
    due = tuple(
        Due(
            key=one.key,
            attempt=runs[one.key]["attempt"] + 1 if one.key in runs else 1,
            variables=one.variables,
            is_late=one.is_late,
        )
        for one in candidates
        if claimable(runs.get(one.key), now=context.now()) is None
    )
    return DueReport(due, problems)


def candidates_of(context: WorkflowContext, by: Starter) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Ask the trigger's query; the rows that can be used, and a line for each one that cannot.

    Raises:
        As `due_work`.
    """
    trigger = context.spec.trigger
    given = {
        "now": context.now(),
        "lead_s": trigger.lead_s if by == "schedule" else 0.0,
        **context.spec.variables,
    }
    values = bindable({name: given[name] for name in bound_in(trigger.sql)})
    with (
        closing(connect(context.address, autocommit=True)) as connection,
        classifying(f"asking what is due ({trigger.sql})"),
    ):
        # A trigger only reads, and one that hangs must not hang the tick.
        connection.execute("set default_transaction_read_only = on; set statement_timeout = '60s'")
        try:
            cursor = connection.execute(statement(trigger.sql), values or None)
        except psycopg.errors.ReadOnlySqlTransaction:
            raise PermanentError(
                f"The trigger {trigger.sql} writes. It only asks what is due; move the rest to a step."
            ) from None
        columns = [column.name for column in cursor.description or []]
        _require_columns(trigger, columns)
        return judge_rows(trigger, columns, cursor.fetchall())


def is_known(context: WorkflowContext, key: str) -> bool:
    """Tell whether a key exists, due or not: as `trigger.exists` says, or because it was claimed before.

    Raises:
        PermanentError, RetryableError: see `due_work`.
    """
    exists = context.spec.trigger.exists
    with open_ledger(context) as ledger:
        if ledger.run(key) is not None:
            return True
        return exists is not None and _returns_a_row(context, ledger, exists, key)


def judge_rows(
    trigger: TriggerSpec, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Sort rows into those that can be used and lines about those that cannot. Pure.

    Args:
        trigger: says which column tells that a row is late.
        columns: of the result; the first is the key.
        rows: of the result.
    """
    repeated = {key for key, count in Counter(_key_text(row[0]) for row in rows).items() if count > 1}
    candidates: list[Candidate] = []
    problems: dict[str, None] = {}
    for number, row in enumerate(rows, start=1):
        values = dict(zip(columns, row, strict=True))
        problem = _problem_of(trigger, number, row[0], values, repeated)
        if problem is None:
            is_late = trigger.late is not None and values[trigger.late.column] is True
            candidates.append(Candidate(_key_text(row[0]), values, is_late))
        else:
            problems[f"{trigger.sql}: {problem}"] = None
    return tuple(candidates), tuple(problems)


def _problem_of(
    trigger: TriggerSpec, number: int, key: object, values: Mapping[str, Any], repeated: set[str]
) -> str | None:
    if problem := _problem_of_key(key):
        return f"row {number}: {trigger.key} {problem}"
    text = _key_text(key)
    if text in repeated:
        return f"{trigger.key} `{text}` stands in more than one row; none of them is taken"
    if trigger.late is not None and not isinstance(values[trigger.late.column], bool):
        return f"{trigger.key} `{text}`: {trigger.late.column} is neither true nor false"
    for column, value in values.items():
        try:
            stored(value)
        except ValueError as error:
            return f"{trigger.key} `{text}`: {column}: {error}"
    return None


def _problem_of_key(key: object) -> str | None:
    if key is None:
        return "is null"
    if isinstance(key, bool) or not isinstance(key, str | int | UUID):
        return f"is a {type(key).__name__}; cast it to text"
    text = _key_text(key)
    if not text or text != text.strip() or len(text) > LONGEST_KEY:
        return f"is empty, padded, or longer than {LONGEST_KEY} characters"
    if not text.isprintable() or "..." in text:
        return "holds `...` or characters that cannot be shown"
    return None


def _key_text(key: object) -> str:
    return str(key)


def _require_columns(trigger: TriggerSpec, columns: Sequence[str]) -> None:
    missing = [column for column in trigger.columns if column not in columns]
    if missing or not columns or columns[0] != trigger.key or len(set(columns)) < len(columns):
        raise PermanentError(
            f"The query {trigger.sql} returns the columns {', '.join(columns) or '(none)'}; trigger.columns "
            f"wants {', '.join(trigger.columns)}, each once, the key first. Correct one of them."
        )


def _returns_a_row(context: WorkflowContext, ledger: WorkflowLedger, name: str, key: str) -> bool:
    given = {"now": context.now(), "key": key, **context.spec.variables}
    values = bindable({bound: given[bound] for bound in bound_in(name)})
    return ledger.first_row(name, values, f"asking whether a key exists ({name})") is not None
