"""The account of a sync as a terminal shows it and as `--json` says it."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sync_platform.cli.books import Books
from sync_platform.cli.ledgers import syncs_of_run
from sync_platform.cli.terminal import result_console, show_errors

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


def _show(row: Mapping[str, Any], *, to_messages: bool) -> None:
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
    console = result_console(to_messages=to_messages)
    if row["status"] == "failed" and not row["seen"]:
        console.print(f"{row['source']}: failed before anything was read", highlight=False)
        show_errors(console, row, "sync_logs")
        return
    console.print(f"{row['source']}: {row['sync_type']} sync {row['sync_id']}", highlight=False)
    console.print(table)
    console.print(_sum_line(row), markup=False, highlight=False, soft_wrap=True)
    show_errors(console, row, "sync_logs")


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what `--json` says of a sync: its identity, how it ended, and the account's terms."""
    return {name: row[name] for name in (*_IDENTITY, *ACCOUNT_TERMS)}


def _empty(*, is_success: bool) -> dict[str, Any]:
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


SYNCS = Books(of_run=syncs_of_run, show=_show, as_json=_as_json, empty=_empty)
"""What syncs, retries and replays of quarantined records leave behind."""
