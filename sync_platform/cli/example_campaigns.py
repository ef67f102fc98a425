"""Three campaigns for a first look: one due now, one that is over, one in the future.

Only `up` asks for them, where the sandbox plays the systems of a campaign; only the embedded Postgres gets
them.
"""

from psycopg.rows import dict_row

from sync_platform.cli import terminal
from sync_platform.components.turns import now
from sync_platform.home.database import open_current_database
from sync_platform.settings import load_settings
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement


def plan() -> None:
    """Plan them, and say where they stand; those that are there already stay as they are.

    Raises:
        RetryableError: the database was lost.
    """
    settings = load_settings()
    if settings.database_url is not None:
        return
    with (
        open_current_database(settings) as address,
        classifying("planning the example campaigns"),
        connect(address) as connection,
    ):
        connection.execute(statement("campaigns/plan_examples"), {"now": now()})
        cursor = connection.cursor(row_factory=dict_row)
        rows = cursor.execute(statement("campaigns/overview")).fetchall()
    terminal.show_rows("Campaigns", rows)
