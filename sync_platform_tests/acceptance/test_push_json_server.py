"""The push against a receiver that nobody here wrote: json-server 0.17, `POST /posts`.

It refuses a second record with the id of another, so that an item that is sent twice shows.
"""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_platform.push.account import Account
from sync_platform.push.push import run_push
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.acceptance.json_server import installed, serving
from sync_platform_tests.integration.push.conftest import add_customers, context_of, rows, spec_of

CUSTOMERS = 1_000


@pytest.fixture
def posts(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty collection of posts."""
    file = tmp_path / "db.json"
    file.write_text(json.dumps({"posts": []}))
    with serving(installed(pytestconfig), file) as url:
        yield f"{url}/posts"


def test_a_thousand_customers_stand_in_json_server_once_each(database: DatabaseAddress, posts: str) -> None:
    add_customers(database, CUSTOMERS)
    context = context_of(database, spec_of(posts, max_in_flight=4, timeout_s=30))

    report = run_push(context)

    assert report.account == Account(selected=CUSTOMERS, delivered=CUSTOMERS)
    assert (report.status, report.requests) == ("completed", CUSTOMERS)
    customers = rows(database, "select customer_id as id, email, name, status from customers order by 1")
    assert sorted(_read(posts), key=lambda post: str(post["id"])) == customers
    assert run_push(context).account == Account(selected=CUSTOMERS, already_delivered=CUSTOMERS)
    assert len(_read(posts)) == CUSTOMERS


def _read(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - our own server on loopback
        found: list[dict[str, Any]] = json.load(reply)
        return found
