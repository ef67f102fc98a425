"""The limit of a load: the same rows, already in memory, by COPY into a temporary table and one merge.

Written plainly and without the platform's own load, so that it can be held against it. The rows come from
the sandbox's population itself, so that comparing the two tables also tells whether the sync was right.
Run as a program in a process of its own; `DATABASE_URL` names the database.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from sync_platform.sandbox.users import STATIC_MOMENT, Population

TABLE = "users_limit"
FIRST, UNCHANGED = "limit, first load", "limit, unchanged"

_CREATE = "create table users_limit (like users including all)"
_ANALYZE = "analyze staged"
_DROP_EQUAL = """
    delete from staged as s using users_limit as t
    where t.external_id = s.external_id
    and (t.email, t.name, t.status, t.source_updated_at)
    is not distinct from (s.email, s.name, s.status, s.source_updated_at)
"""
_MERGE = """
    insert into users_limit
    (external_id, email, name, status, metadata, updated_at, source_updated_at, sync_id)
    select
        external_id, email, name, status,
        jsonb_build_object('source', 'external-system', 'original_id', original_id, 'synced_at', now()),
        now(), source_updated_at, 1
    from staged
    on conflict (external_id) do update set
        email = excluded.email, name = excluded.name, status = excluded.status,
        metadata = excluded.metadata, updated_at = excluded.updated_at,
        source_updated_at = excluded.source_updated_at, sync_id = excluded.sync_id
"""


def main() -> None:
    """Load the rows twice and print, as JSON, each one's seconds and WAL bytes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, required=True)
    rows = expected_rows(parser.parse_args().users)
    with adbc.connect(os.environ["DATABASE_URL"]) as connection:
        _execute(connection, _CREATE)
        connection.commit()
        measured = {name: _measured(connection, rows) for name in (FIRST, UNCHANGED)}
    json.dump(measured, sys.stdout)


def expected_rows(users: int) -> pa.Table:
    """Make the rows that the seed asks for out of the sandbox's people, one by one."""
    people = Population(users, seed=1)
    records = [json.loads(people.record(number, STATIC_MOMENT)) for number in range(1, users + 1)]
    return pa.table(
        {
            "external_id": [str(record["id"]) for record in records],
            "email": [record["email"].lower() for record in records],
            "name": [f"{record['first_name']} {record['last_name']}" for record in records],
            "status": ["active" if record["active"] else "inactive" for record in records],
            "original_id": [record["id"] for record in records],
            "source_updated_at": pa.array(
                [datetime.fromisoformat(record["updated_at"]).astimezone(UTC) for record in records],
                pa.timestamp("us", "UTC"),
            ),
        }
    )


def _measured(connection: adbc.Connection, rows: pa.Table) -> dict[str, float]:
    wal_before, began = _wal_bytes(connection), time.perf_counter()
    with connection.cursor() as cursor:
        cursor.adbc_ingest("staged", rows, mode="create", temporary=True)
    for text in (_ANALYZE, _DROP_EQUAL, _MERGE):
        _execute(connection, text)
    connection.commit()
    seconds = time.perf_counter() - began
    _execute(connection, "drop table staged")
    connection.commit()
    return {"seconds": seconds, "wal_bytes": _wal_bytes(connection) - wal_before}


def _wal_bytes(connection: adbc.Connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        (bytes_written,) = cursor.fetchone() or (0,)
    connection.commit()
    return int(bytes_written)


def _execute(connection: adbc.Connection, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


if __name__ == "__main__":
    main()
