"""What a person, or a program, reads of a verb: one line a message, rows as a table, results as JSON.

Here belongs showing. Standard output carries the result, standard error everything else. What an account says
stands in `sync_account` and `push_account`, how a run is shown while it works in `watch`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_FILE_WIDTH = 160
_MOST_ERRORS_SHOWN = 5


@cache
def messages() -> Console:
    """The console of messages: standard error."""
    return Console(stderr=True)


def say(line: str) -> None:
    """Write one line to standard error, whole, however narrow the terminal is."""
    messages().print(line, markup=False, highlight=False, soft_wrap=True)


def result_console(*, to_messages: bool) -> Console:
    """The console of a result: standard output, or standard error where that carries JSON."""
    return messages() if to_messages else Console()


def show_errors(console: Console, row: Mapping[str, Any], ledger: str) -> None:
    """Show the first errors of a row's `errors`, and where the others stand."""
    for entry in row["errors"][:_MOST_ERRORS_SHOWN]:
        where = "" if entry.get("page") is None else f"page {entry['page']}: "
        console.print(f"  {where}{entry.get('error')}", markup=False, highlight=False, soft_wrap=True)
    hidden = len(row["errors"]) - _MOST_ERRORS_SHOWN
    if hidden > 0:
        console.print(f"  and {hidden} more: see `errors` in {ledger}", highlight=False)


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


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else value
