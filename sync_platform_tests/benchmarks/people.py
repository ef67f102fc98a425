"""The rows that every system must end with, made from the sandbox's people themselves.

Here belong the expected rows in memory, which are also what the limit loads.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa

from sync_platform.sandbox.users import Moment, Population
from sync_platform_tests.benchmarks.figures import CHANGED, NOTHING_NEW
from sync_platform_tests.benchmarks.source_server import SEED

CHANGED_SHARE = 100
"""One person in so many has changed in the scenario CHANGED."""

SCHEMA = pa.schema(
    {
        "external_id": pa.string(),
        "email": pa.string(),
        "name": pa.string(),
        "status": pa.string(),
        "original_id": pa.int64(),
        "source_updated_at": pa.timestamp("us", "UTC"),
    }
)
_BATCH_ROWS = 50_000


def changes_in(users: int, scenario: str) -> int:
    """Count the people who have changed in a scenario; what is nothing new follows what has changed."""
    return users // CHANGED_SHARE if scenario in {CHANGED, NOTHING_NEW} else 0


def expected_batches(users: int, changes: int) -> Iterator[pa.RecordBatch]:
    """Make the rows that the seed asks for, by plain Python, a batch at a time."""
    population, moment = Population(users, SEED), Moment(changes, 0)
    for first in range(1, users + 1, _BATCH_ROWS):
        numbers = range(first, min(first + _BATCH_ROWS, users + 1))
        yield _batch([json.loads(population.record(number, moment)) for number in numbers])


def _batch(records: list[dict[str, str]]) -> pa.RecordBatch:
    columns = {
        "external_id": [str(record["id"]) for record in records],
        "email": [record["email"].lower() for record in records],
        "name": [f"{record['first_name']} {record['last_name']}" for record in records],
        "status": ["active" if record["active"] else "inactive" for record in records],
        "original_id": [record["id"] for record in records],
        "source_updated_at": [
            datetime.fromisoformat(record["updated_at"]).astimezone(UTC) for record in records
        ],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
