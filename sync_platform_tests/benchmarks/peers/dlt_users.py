"""A peer: the same users by dlt, in four ways.

Runs in the peers' environment. Source, database and page size come by the environment. The last line of
output is a JSON object with the seconds of the work itself: the start of Python and imports are not.

- `default`: the declarative REST source and a map for the columns, every setting as it ships.
- `workers`: its documentation's advice: pages fetched by parallel workers, normalized by two processes,
  loaded as Parquet by ADBC.
- `arrow`: the parallel workers make one Arrow table a page, which skips dlt's normalizer.
- `arrow-blocks`: what nobody's documentation tells: a thread pool of one's own beside dlt, and Arrow's own
  JSON reader on 50 pages at once.

All merge by the primary key. Of the two strategies that keep a table current, `default` has dlt's default
(delete-insert), the others the one that was faster here (upsert).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import BytesIO
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations import postgres
from dlt.sources.helpers import requests
from dlt.sources.rest_api import rest_api_source
from pyarrow import json as arrow_json

_URL = os.environ["EXTERNAL_API_URL"]
_PAGE_SIZE = int(os.environ["PAGE_SIZE"])
_FETCHERS = 8
_BLOCK_ROWS = 5000
_KEY = "external_id"
_MERGE = {"primary_key": _KEY, "write_disposition": {"disposition": "merge", "strategy": "upsert"}}
_RECORD = pa.struct(
    {
        "id": pa.int64(),
        "email": pa.string(),
        "first_name": pa.string(),
        "last_name": pa.string(),
        "active": pa.bool_(),
        "updated_at": pa.string(),
    }
)
_BODY = arrow_json.ParseOptions(
    explicit_schema=pa.schema({"data": pa.list_(_RECORD)}), unexpected_field_behavior="ignore"
)


def default_source() -> Any:
    """Declare the endpoint; its total counts records, not pages, so the read ends at an empty page."""
    endpoint = {
        "path": "users",
        "params": {"limit": _PAGE_SIZE},
        "data_selector": "data",
        "paginator": {"type": "page_number", "base_page": 1, "total_path": None},
    }
    users = {
        "name": "users",
        "primary_key": _KEY,
        "write_disposition": "merge",
        "endpoint": endpoint,
        "processing_steps": [{"map": _row}],
    }
    return rest_api_source({"client": {"base_url": _URL}, "resources": [users]})


def workers_source() -> Any:
    """Fetch and map pages by a parallelized transformer of page numbers."""
    return _fanned_out(_page_rows)


def arrow_source() -> Any:
    """Make one Arrow table a page, by a parallelized transformer of page numbers."""
    return _fanned_out(_page_table)


def arrow_blocks_source() -> Any:
    """Make one Arrow table of many pages, without Python objects for their records."""
    return dlt.resource(_block_tables, name="users", **_MERGE)


_PEERS: dict[str, tuple[Callable[[], Any], str | None]] = {
    "default": (default_source, None),
    "workers": (workers_source, "parquet"),
    "arrow": (arrow_source, "parquet"),
    "arrow-blocks": (arrow_blocks_source, "parquet"),
}


def main() -> None:
    """Run one pipeline and print its seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=_PEERS)
    source, loader_file_format = _PEERS[parser.parse_args().peer]
    began = time.perf_counter()
    pipeline = dlt.pipeline("users", destination=postgres(os.environ["DATABASE_URL"]), dataset_name="peer")
    loaded = pipeline.run(source(), loader_file_format=loader_file_format)
    loaded.raise_on_failed_jobs()
    json.dump({"seconds": time.perf_counter() - began}, sys.stdout)


def _fanned_out(read_page: Callable[[int], Any]) -> Any:
    numbers = dlt.resource(_page_numbers, name="page_numbers", selected=False)
    return numbers | dlt.transformer(read_page, name="users", parallelized=True, **_MERGE)


def _page_numbers() -> Iterator[int]:
    total = int(requests.get(f"{_URL}/users", params={"limit": 1}).json()["total"])
    yield from range(1, -(-total // _PAGE_SIZE) + 1)


def _page(number: int) -> Any:
    return requests.get(f"{_URL}/users", params={"page": number, "limit": _PAGE_SIZE})


def _page_rows(number: int) -> list[dict[str, Any]]:
    return [_row(record) for record in _page(number).json()["data"]]


def _page_table(number: int) -> pa.Table:
    return pa.Table.from_pylist(_page_rows(number))


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        _KEY: str(record["id"]),
        "email": record["email"].lower(),
        "name": f"{record['first_name']} {record['last_name']}",
        "status": "active" if record["active"] else "inactive",
        "original_id": record["id"],
        "source_updated_at": datetime.fromisoformat(record["updated_at"]),
    }


def _block_tables() -> Iterator[pa.Table]:
    numbers = list(_page_numbers())
    block_pages = max(_BLOCK_ROWS // _PAGE_SIZE, 1)
    with ThreadPoolExecutor(_FETCHERS) as fetchers:
        for first in range(0, len(numbers), block_pages):
            replies = fetchers.map(_page, numbers[first : first + block_pages])
            yield _block_table([reply.content for reply in replies])


def _block_table(bodies: list[bytes]) -> pa.Table:
    whole = arrow_json.ReadOptions(block_size=1 << 30)
    decoded = arrow_json.read_json(BytesIO(b"\n".join(bodies)), read_options=whole, parse_options=_BODY)
    records = decoded["data"].combine_chunks().flatten()
    columns = {
        _KEY: records.field("id").cast(pa.string()),
        "email": pc.utf8_lower(records.field("email")),
        "name": pc.binary_join_element_wise(records.field("first_name"), records.field("last_name"), " "),
        "status": pc.if_else(records.field("active"), "active", "inactive"),
        "original_id": records.field("id"),
        "source_updated_at": records.field("updated_at").cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns)


if __name__ == "__main__":
    main()
