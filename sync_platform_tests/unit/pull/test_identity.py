"""Who a record is: the same on a page that is read in one go as on one that is taken apart."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_platform.api.exchange import Reply
from sync_platform.pull.identity import Identified, Identities, PageRecords
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform_tests.fake_users_api import users_spec

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ODD = '{"id": [], "updated_at": {}}'
NESTED_CHANGE = {"incremental": {"field": "meta.at", "start": "2024-01-01T00:00:00Z"}}
NO_CURSOR = {"incremental": None, "request": {"path": "/users", "params": {"page": "{page}"}}}


def page(spec: ApiSyncSpec, *records: str) -> PageRecords:
    return opened(spec, f'{{"data": [{", ".join(records)}], "total": 9}}')


def opened(spec: ApiSyncSpec, body: str, status: int = 200, *, ends_pages: bool = False) -> PageRecords:
    reply = Reply(status, {}, body.encode(), "http://users.test", NOON, None, 0.0, ends_pages=ends_pages)
    return PageRecords(reply, spec, Identities(spec))


def told(spec: ApiSyncSpec, *records: str) -> Identified:
    return Identities(spec).of(page(spec, *records))


@pytest.mark.parametrize("changes", [{}, NESTED_CHANGE, NO_CURSOR])
@pytest.mark.parametrize(
    "record",
    [
        {"id": 5, "updated_at": "2024-05-01"},
        {"id": "a", "updated_at": 1714564800},
        {"id": "é\n", "updated_at": 1714564800.5},
        {"id": 5, "updated_at": None},
        {"id": 5},
        {"id": 0, "meta": {"at": "2024-05-01"}},
        {"id": 0, "meta": None},
        {"id": -1, "updated_at": -1},
        {"id": 2**61 - 1, "updated_at": True},
        {"id": 2**70, "updated_at": "2024-05-01"},
        {"id": 1.5, "updated_at": "2024-05-01"},
        {"id": None},
        {},
        7,
    ],
)
def test_a_record_is_the_same_whatever_stands_beside_it(record: Any, changes: dict[str, Any]) -> None:
    spec = users_spec(**changes)
    alone, beside = told(spec, json.dumps(record)), told(spec, json.dumps(record), ODD)
    assert (beside.keys[:1], beside.versions[:1], beside.changes[:1]) == (
        alone.keys,
        alone.versions,
        alone.changes,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("-1", "-2"), ("0", str(2**61 - 1)), ("1", '"1"'), (str(2**64), str(2**64 + 1)), ('"a"', '"b"')],
)
def test_different_keys_stay_different(one: str, other: str) -> None:
    found = told(users_spec(), f'{{"id": {one}}}', f'{{"id": {other}}}')
    assert len(set(found.keys)) == len(set(found.versions)) == 2


def test_a_key_inside_of_an_object_is_found_on_every_page() -> None:
    spec = users_spec(fields={"id": "sys.id"})
    records = ['{"sys": {"id": "a"}}', '{"sys": {"id": "b"}}', '{"sys": {"id": "a"}}']
    assert len(set(told(spec, *records).keys)) == 2


def test_the_bytes_of_a_page_come_as_received_with_broken_records_last() -> None:
    plain, broken = '{"id": 1,  "n": "é"}', '{"id": 2, "n": NaN}'
    found = page(users_spec(), broken, plain)
    assert [bytes(raw).decode() for raw in found] == [plain, broken]
    assert [bytes(raw).decode() for raw in page(users_spec(), plain, plain)] == [plain, plain]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("body", "status", "count"),
    [
        ('{"data": [{"id": 1}, {"id": 2}]}', 200, 2),
        ('{"data": []}', 200, 0),
        ('{"error": "done"}', 200, 0),
        ('{"data": [{"id": 1}]}', 404, 0),
        ("", 204, 0),
        ("", 200, 0),
        (" \n", 202, 0),
        ("no more", 200, 0),
        ("<p>no more</p>", 200, 0),
        ('\ufeff {"data": [{"id": 1}]}', 200, 1),
    ],
)
def test_a_reply_that_ends_the_pages_holds_the_records_of_a_success_or_none(
    body: str, status: int, count: int
) -> None:
    found = opened(users_spec(), body, status, ends_pages=True)
    assert len(found) == len(list(found)) == len(Identities(users_spec()).of(found).keys) == count
