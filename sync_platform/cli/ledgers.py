"""The ledgers as the CLI reads them: how syncs and pushes ended. Writing them is the engines' business."""

from typing import Any

from psycopg.rows import dict_row

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement

Row = dict[str, Any]


def recent_syncs(address: DatabaseAddress) -> list[Row]:
    """Read the latest syncs of all sources, newest first (seed 001, "Query Recent Syncs").

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "sync/recent_syncs", {})


def recent_pushes(address: DatabaseAddress) -> list[Row]:
    """Read the latest pushes and replays of all targets, newest first.

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "push/recent_pushes", {})


def recent_workflow_runs(address: DatabaseAddress) -> list[Row]:
    """Read how the latest keys of all workflows stand, what failed for good first.

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "workflow/recent_runs", {})


def open_deliveries(address: DatabaseAddress, *, most: int) -> tuple[list[Row], int]:
    """Read who got nothing and why, the latest first, and how many there are in all.

    Raises:
        RetryableError: the database was lost.
    """
    [counted] = _rows(address, "push/count_open_deliveries", {})
    return _rows(address, "push/all_open_deliveries", {"most": most}), counted["open_count"]


def syncs_of_run(address: DatabaseAddress, run_id: str) -> list[Row]:
    """Read the accounts of the syncs of one run, oldest first; none where it failed before it began one.

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "sync/run_accounts", {"run_id": run_id})


def pushes_of_run(address: DatabaseAddress, run_id: str) -> list[Row]:
    """Read the accounts of the pushes of one run, oldest first; none where it failed before it began one.

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "push/run_accounts", {"run_id": run_id})


def _rows(address: DatabaseAddress, name: str, values: Row) -> list[Row]:
    with connect(address, autocommit=True) as connection, classifying(f"reading {name}"):
        return connection.cursor(row_factory=dict_row).execute(statement(name), values).fetchall()
