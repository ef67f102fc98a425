"""The ledgers as the CLI reads them: how syncs ended. Writing them is the engines' business."""

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


def accounts_of_run(address: DatabaseAddress, run_id: str) -> list[Row]:
    """Read the accounts of the syncs of one run, oldest first; none where it failed before it began one.

    Raises:
        RetryableError: the database was lost.
    """
    return _rows(address, "sync/run_accounts", {"run_id": run_id})


def _rows(address: DatabaseAddress, name: str, values: Row) -> list[Row]:
    with connect(address, autocommit=True) as connection, classifying(f"reading {name}"):
        return connection.cursor(row_factory=dict_row).execute(statement(name), values).fetchall()
