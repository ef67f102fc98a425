"""The account of a push as a terminal shows it and as `--json` says it."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from sync_platform.cli.books import Books
from sync_platform.cli.ledgers import pushes_of_run
from sync_platform.cli.terminal import result_console, show_errors
from sync_platform.push.account import Account

_ENDS = ("delivered", "already_delivered", "suppressed", "dead", "in_doubt", "planned")
_ALWAYS_SHOWN = _ENDS[:2]
_IDENTITY = ("target", "push_id", "kind", "status", "proof", "duration_seconds", "requests")


def show_dry_run(found: Mapping[str, Any], *, to_messages: bool) -> None:
    """Show what a push would send.

    Args:
        found: the account's terms, and `samples`, as the run observed them.
        to_messages: write to standard error, because standard output carries JSON.
    """
    console = result_console(to_messages=to_messages)
    console.print(_table(found))
    samples = Table(box=SIMPLE_HEAD)
    samples.add_column("to")
    samples.add_column("payload", overflow="fold")
    for sample in found["samples"].records:
        samples.add_row(escape(sample.data["to"]), escape(sample.data["payload"]))
    console.print(samples)
    console.print("Nothing was sent. Values are masked; at most 10 are shown.", highlight=False)


def dry_run_json(found: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what `--json` says of a dry run: the account as it would begin."""
    terms = {name: found[name] for name in Account().terms()}
    return {**_empty(is_success=True), "duration_seconds": found["seconds"], "is_dry_run": True, **terms}


def _show(row: Mapping[str, Any], *, to_messages: bool) -> None:
    """Show how a push ended: a table whose ends add up to what was selected."""
    console = result_console(to_messages=to_messages)
    console.print(f"{row['target']}: {row['kind']} {row['push_id']}", highlight=False)
    console.print(_table(row))
    console.print(_sum_line(row), markup=False, highlight=False, soft_wrap=True)
    show_errors(console, row, "push_logs")
    if row["dead"] or row["in_doubt"]:
        console.print("Who and why: `sync-platform status`. Again: `sync-platform replay`.", highlight=False)


def _table(row: Mapping[str, Any]) -> Table:
    table = Table()
    table.add_column("customers")
    table.add_column("count", justify="right")
    table.add_row("selected", f"{row['selected']:,}", end_section=True)
    for term in _ENDS:
        if row.get(term) or term in _ALWAYS_SHOWN:
            table.add_row(term.replace("_", " "), f"{row[term]:,}")
    return table


def _sum_line(row: Mapping[str, Any]) -> str:
    account = _account(row)
    balance = (
        "the books balance"
        if account.is_balanced
        else f"the books do NOT balance: {account.accounted:,} ended"
    )
    seconds = row["duration_seconds"] or 0
    after = f"; {row['after_each_pending']:,} steps after the item to do" if row["after_each_pending"] else ""
    return f"{row['status']}: {balance}; {row['requests']:,} requests in {seconds:,.1f} s{after}"


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what `--json` says of a push: its identity, how it ended, and the account's terms."""
    account = _account(row)
    said = {**row, "proof": "ledger" if account.is_balanced else "none"}
    beside = {"after_each_pending": row["after_each_pending"], "is_dry_run": False}
    return {name: said[name] for name in _IDENTITY} | beside | account.terms()


def _empty(*, is_success: bool) -> dict[str, Any]:
    """Make the row of a run that began no push: it failed before."""
    how = {"status": "completed" if is_success else "failed", "proof": "none"}
    counts = {"duration_seconds": 0, "requests": 0, "after_each_pending": 0}
    return {"target": None, "push_id": None, "kind": "push", **how, **counts, **Account().terms()}


def _account(row: Mapping[str, Any]) -> Account:
    return Account(selected=row["selected"], **{term: row.get(term, 0) for term in _ENDS})


PUSHES = Books(of_run=pushes_of_run, show=_show, as_json=_as_json, empty=_empty)
"""What pushes and their replays leave behind."""
