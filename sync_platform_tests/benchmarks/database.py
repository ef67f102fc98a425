"""The one Postgres of all measurements, and what is asked of it before and after each.

Here belong the server with `fsync` on, bringing a database to rest, and telling log, table content and runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from psycopg import sql

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.benchmarks.people import SCHEMA, expected_batches
from sync_platform_tests.postgres import NEWEST, embedded_server, fresh_database

_FINGERPRINT = """
    select count(*)::text || ' rows, ' || coalesce(sum(hashtextextended(concat_ws(
        chr(31), external_id, email, name, status, (extract(epoch from source_updated_at) * 1000000)::bigint
    ), 0)), 0) from {}
"""


@contextmanager
def safe_server(home: Path) -> Iterator[DatabaseAddress]:
    """Run the embedded server as `up` does: with `fsync`, which tests go without.

    Raises:
        SystemExit: the server does not write safely, so that its figures would mean nothing.
    """
    with embedded_server(home, NEWEST) as server:
        with connect(server, autocommit=True) as connection:
            connection.execute("alter system reset fsync")
            connection.execute("select pg_reload_conf()")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if (value := one_value(server, f"show {setting}")) != "on":
                raise SystemExit(f"{setting} is {value}; only figures of a server that writes safely count")
        yield server


def settle(address: DatabaseAddress) -> None:
    """Bring a database to rest, as an hour between two syncs would: no run pays for the one before."""
    with connect(address, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")


def wal_bytes(address: DatabaseAddress) -> int:
    """Tell how much the server has written to its log in all."""
    return int(one_value(address, "select pg_current_wal_insert_lsn() - '0/0'"))


def fingerprint(address: DatabaseAddress, *table: str) -> str:
    """Tell a table's content, whatever its order: the columns that all systems have."""
    return str(one_value(address, _FINGERPRINT, *table))


def expected_fingerprint(server: DatabaseAddress, users: int, changes: int) -> str:
    """Tell the content that a table must have."""
    rows = pa.RecordBatchReader.from_batches(SCHEMA, expected_batches(users, changes))
    with fresh_database(server, template="template0") as address:
        with adbc.connect(address.uri(), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest("expected", rows)
        return fingerprint(address, "expected")


def located_uri(address: DatabaseAddress) -> str:
    """Return a URL with the socket folder in the host's place, where dlt looks for it."""
    keywords = dict(address.keywords)
    login = f"{quote(keywords['user'], safe='')}:{quote(keywords['password'], safe='')}"
    place = f"{quote(keywords['host'], safe='')}:{keywords['port']}"
    return f"postgresql://{login}@{place}/{keywords['dbname']}"


def one_value(address: DatabaseAddress, text: LiteralString, *table: str) -> Any:
    """Return the first value of a statement of ours; `{}` stands for a table."""
    statement = sql.SQL(text).format(sql.Identifier(*table)) if table else text
    with connect(address, autocommit=True) as connection:
        (value,) = connection.execute(statement).fetchone() or (None,)
    return value
