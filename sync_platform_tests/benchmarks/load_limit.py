"""The limit of a load: the same rows, already in memory, by COPY into a temporary table and one merge.

Written plainly and without the platform's own load, so that it can be held against it. No source is read and
nothing is checked or logged: no sync can reach it. The merge drops what is equal itself, by a join: deleting
it from the staged rows beforehand took a fifth more at first, and twice as long where nothing had changed.
"""

import time
from functools import lru_cache

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.benchmarks.people import SCHEMA, expected_batches

TABLE = "users_limit"
_CREATE = """
    create table if not exists users_limit (
        external_id text primary key, email text, name text, status text, metadata jsonb,
        updated_at timestamptz not null, source_updated_at timestamptz, sync_id bigint not null
    )
"""
_ANALYZE = "analyze staged"
_MERGE = """
    insert into users_limit
    (external_id, email, name, status, metadata, updated_at, source_updated_at, sync_id)
    select
        external_id, s.email, s.name, s.status,
        jsonb_build_object('source', 'external-system', 'original_id', s.original_id, 'synced_at', now()),
        now(), s.source_updated_at, 1
    from staged as s left join users_limit as t using (external_id)
    where
        t.external_id is null
        or (t.email, t.name, t.status, t.source_updated_at)
        is distinct from (s.email, s.name, s.status, s.source_updated_at)
    on conflict (external_id) do update set
        email = excluded.email, name = excluded.name, status = excluded.status,
        metadata = excluded.metadata, updated_at = excluded.updated_at,
        source_updated_at = excluded.source_updated_at, sync_id = excluded.sync_id
"""


@lru_cache(maxsize=2)
def rows_in_memory(users: int, changes: int) -> pa.Table:
    """Make the rows once; making them is not part of any figure."""
    return pa.Table.from_batches(expected_batches(users, changes), schema=SCHEMA).combine_chunks()


def load(address: DatabaseAddress, rows: pa.Table) -> float:
    """Load the rows into `users_limit`, and return the seconds from the first COPY to the commit."""
    with adbc.connect(address.uri()) as connection, connection.cursor() as cursor:
        cursor.execute(_CREATE)
        connection.commit()
        began = time.perf_counter()
        cursor.adbc_ingest("staged", rows, mode="create", temporary=True)
        cursor.execute(_ANALYZE)
        cursor.execute(_MERGE)
        connection.commit()
        return time.perf_counter() - began
