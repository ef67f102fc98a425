"""The plan: the source's rows become ledger rows, in bulk, with flat memory however many there are.

Here belong reading the source through a server-side cursor, rendering, and handing rows to the ledger's
staging. Which row is new, changed or delivered already is decided in SQL (`sql/push/judge_staged.sql`).
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, dict_row

from sync_platform.push.account import Account
from sync_platform.push.ledger import PushLedger
from sync_platform.push.render import RenderedItem, Template
from sync_platform.push.reports import PushContext, SourceReport
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement

_ROWS_A_FETCH = 2000
_SAMPLES = 10


def stage_and_judge(context: PushContext, ledger: PushLedger, *, round_id: int) -> Account:
    """Read the source, stage what it returns, and compare it with the books; nothing lasting is written.

    Returns:
        The account as it stands before anything is sent.

    Raises:
        PermanentError: the query fails, a key is missing or repeated, or the request names no column.
        RetryableError: the database was lost.
    """
    with connect(context.address) as connection:
        selected, repeated = ledger.stage(_rendered(context, connection))
    if repeated:
        raise PermanentError(
            f"The source {context.spec.source} returns {repeated} rows whose `{context.spec.key}` another "
            "row has. Nothing was sent; make its key unique."
        )
    context.log(f"selected {selected} rows of {context.spec.source}")
    return ledger.judge(round_id=round_id, is_all=context.spec.send == "all")


def masked_samples(ledger: PushLedger) -> tuple[dict[str, str], ...]:
    """Show whom a judged plan would send to and what, without telling who they are."""
    return tuple(
        {
            "customer_id": mask(row["customer_id"]),
            "payload": json.dumps(_masked(json.loads(row["payload"])), ensure_ascii=False),
        }
        for row in ledger.sample(most=_SAMPLES)
    )


def mask(text: str) -> str:
    """Keep the first and the last letter of a text of some length."""
    return f"{text[0]}***{text[-1]}" if len(text) > 3 else "***"  # noqa: PLR2004 - two of three tell too much


def describe_source(context: PushContext) -> SourceReport:
    """Count the rows of the source and name its columns; reads only."""
    began = time.monotonic()
    query = sql.SQL("select count(*) over () as row_count, source.* from ({}) as source limit 1").format(
        sql.SQL(_source_text(context))
    )
    with connect(context.address) as connection, classifying(f"reading the source {context.spec.source}"):
        cursor = connection.execute(query, context.parameters or None)
        columns = {column.name: column.type_display for column in (cursor.description or [])[1:]}
        row = cursor.fetchone()
    return SourceReport(rows=row[0] if row else 0, columns=columns, seconds=time.monotonic() - began)


def _rendered(
    context: PushContext, connection: psycopg.Connection[TupleRow]
) -> Iterator[tuple[int, str, RenderedItem]]:
    """Yield (position, key, request) of each row, a few thousand rows in memory at a time."""
    spec = context.spec
    with (
        classifying(f"reading the source {spec.source}"),
        connection.cursor(name="push_source", row_factory=dict_row) as cursor,
    ):
        cursor.itersize = _ROWS_A_FETCH
        cursor.execute(_source_text(context), context.parameters or None)
        columns = [column.name for column in cursor.description or []]
        if spec.key not in columns:
            raise PermanentError(
                f"The key `{spec.key}` is no column of the source {spec.source}. "
                f"Its columns: {', '.join(columns)}."
            )
        template = Template(spec.request, [*columns, *context.constants])
        for position, row in enumerate(cursor, start=1):
            yield position, _key_of(context, row), template.render({**context.constants, **row})


def _key_of(context: PushContext, row: Mapping[str, Any]) -> str:
    key = row[context.spec.key]
    if key is None:
        raise PermanentError(
            f"A row of the source {context.spec.source} has no `{context.spec.key}`. "
            "Nothing was sent; leave such rows out."
        )
    return str(key)


def _source_text(context: PushContext) -> str:
    # The file is ours or the engineer's own, like every other statement; values are bound, never written in.
    return statement(context.spec.source).rstrip().rstrip(";")


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return value if value is None or isinstance(value, bool) else "***"
