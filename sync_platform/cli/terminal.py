"""What a person, or a program, reads of a verb: one line a message, accounts as a table or as JSON.

Here belongs showing results. Standard output carries the result, standard error everything else. How a run is
shown while it works stands in `watch`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_STDERR = 2
_FILE_WIDTH = 160
_MOST_ERRORS_SHOWN = 5
_ENDS = (
    "inserted",
    "updated",
    "unchanged",
    "stale",
    "duplicate",
    "outside_window",
    "deleted",
    "quarantined",
    "queued",
)
_BESIDE = ("pages_queued", "rows_queued_estimate", "expected", "distinct", "deactivated")
_IDENTITY = (
    "source",
    "sync_id",
    "sync_type",
    "status",
    "proof",
    "duration_seconds",
    "records_processed",
    "pages",
)
ACCOUNT_TERMS = ("seen", *_ENDS, *_BESIDE)
"""The terms of a sync's account, in the order in which they are shown."""


@cache
def messages() -> Console:
    """The console of messages: standard error as it was when the process began.

    Dagster redirects file descriptors 1 and 2 while a step runs, so this one has a descriptor of its own.
    """
    stream = os.fdopen(os.dup(_STDERR), "w", buffering=1, encoding="utf-8", errors="replace")
    return Console(file=stream)


def say(line: str) -> None:
    """Write one line to standard error, whole, however narrow the terminal is."""
    messages().print(line, markup=False, highlight=False, soft_wrap=True)


def show_account(row: Mapping[str, Any], *, to_messages: bool = False) -> None:
    """Show how a sync ended: a table whose ends add up to what was seen.

    Args:
        row: the sync's row of sync_logs.
        to_messages: write to standard error, because standard output carries JSON.
    """
    table = Table()
    table.add_column("records")
    table.add_column("count", justify="right")
    table.add_row("seen", f"{row['seen']:,}", end_section=True)
    for term in _ENDS:
        if row[term] or term in _ENDS[:3]:
            table.add_row(term, f"{row[term]:,}")
    console = messages() if to_messages else Console()
    if row["status"] == "failed" and not row["seen"]:
        console.print(f"{row['source']}: failed before anything was read", highlight=False)
        _show_errors(console, row)
        return
    console.print(f"{row['source']}: {row['sync_type']} sync {row['sync_id']}", highlight=False)
    console.print(table)
    console.print(_sum_line(row), markup=False, highlight=False, soft_wrap=True)
    _show_errors(console, row)


def _show_errors(console: Console, row: Mapping[str, Any]) -> None:
    for entry in row["errors"][:_MOST_ERRORS_SHOWN]:
        where = "" if entry.get("page") is None else f"page {entry['page']}: "
        console.print(f"  {where}{entry.get('error')}", markup=False, highlight=False, soft_wrap=True)
    hidden = len(row["errors"]) - _MOST_ERRORS_SHOWN
    if hidden > 0:
        console.print(f"  and {hidden} more: see `errors` in sync_logs", highlight=False)


def show_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show rows as a table on standard output; their keys are the columns."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(table)


def print_json(values: Mapping[str, Any]) -> None:
    """Print one flat JSON object as a line of standard output, whatever a table would wrap."""
    print(json.dumps({name: _plain(value) for name, value in values.items()}))  # noqa: T201 - the result


def account_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what `--json` says of a sync: its identity, how it ended, and the account's terms."""
    return {name: row[name] for name in (*_IDENTITY, *ACCOUNT_TERMS)}


def empty_account(*, is_success: bool) -> dict[str, Any]:
    """Make the row of a run that began no sync: it failed before, or a retry found nothing due."""
    counts = dict.fromkeys(("duration_seconds", "records_processed", "pages", *ACCOUNT_TERMS), 0)
    how = {"status": "completed" if is_success else "failed", "proof": "none"}
    return {"source": None, "sync_id": None, "sync_type": None, **how, **counts, "expected": None}


def _sum_line(row: Mapping[str, Any]) -> str:
    ended = sum(row[term] for term in _ENDS)
    balance = "the books balance" if ended == row["seen"] else f"the books do NOT balance: {ended:,} ended"
    expected = "no total" if row["expected"] is None else f"{row['expected']:,} expected"
    queued = f", {row['pages_queued']} pages queued" if row["pages_queued"] else ""
    return (
        f"{row['status']}: {balance}; {expected}, {row['distinct'] or 0:,} distinct, proof {row['proof']}"
        f"{queued}; {row['pages']} pages in {row['duration_seconds'] or 0} s"
    )


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else value
