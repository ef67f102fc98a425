"""A peer: the loop that low-code tools run, one page after the other and one upsert a row.

The seed's own flow (001, nodes 4 to 9) in plain Python, without what such a tool adds: every row is a
statement and a transaction of its own. Source, database and page size come by the environment. The last line
of output is a JSON object with the seconds of the work itself.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg

_CREATE = """
    create schema if not exists peer;
    create table if not exists peer.users (
        external_id text primary key, email text, name text, status text, metadata jsonb,
        updated_at timestamptz, source_updated_at timestamptz
    )
"""
_UPSERT = """
    insert into peer.users (external_id, email, name, status, metadata, updated_at, source_updated_at)
    values (%s, %s, %s, %s, %s, %s, %s)
    on conflict (external_id) do update set
        email = excluded.email, name = excluded.name, status = excluded.status,
        metadata = excluded.metadata, updated_at = excluded.updated_at,
        source_updated_at = excluded.source_updated_at
"""


def main() -> None:
    """Read page after page, write row after row, and print the seconds."""
    began = time.perf_counter()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection, httpx.Client() as client:
        connection.execute(_CREATE)
        for page in _pages(client):
            for record in page:
                connection.execute(_UPSERT, _row(record))
    json.dump({"seconds": time.perf_counter() - began}, sys.stdout)


def _pages(client: httpx.Client) -> Iterator[list[dict[str, Any]]]:
    page_size, number = int(os.environ["PAGE_SIZE"]), 1
    while True:
        url = f"{os.environ['EXTERNAL_API_URL']}/users"
        reply = client.get(url, params={"page": number, "limit": page_size}).raise_for_status().json()
        yield reply["data"]
        if number * page_size >= reply["total"]:
            return
        number += 1


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    now = datetime.now(UTC)
    metadata = {
        "source": "external-system",
        "original_id": record["id"],
        "synced_at": now.isoformat(),
    }
    return (
        str(record["id"]),
        record["email"].lower(),
        f"{record['first_name']} {record['last_name']}",
        "active" if record["active"] else "inactive",
        json.dumps(metadata),
        now,
        record["updated_at"],
    )


if __name__ == "__main__":
    main()
