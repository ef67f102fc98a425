"""Every way to page, without a total: read to the API's own end, proven by it, and broken pages named."""

from typing import Any

import pytest

from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import json_reply, status

OF_PAGE = {"page": "{page}", "limit": "{page_size}", "updated_since": "{since}"}
OF_OFFSET = {"offset": "{offset}", "limit": "{page_size}", "updated_since": "{since}"}
OF_CURSOR = {"cursor": "{cursor}", "limit": "{page_size}", "updated_since": "{since}"}
OF_LINK = {"limit": "{page_size}"}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "page": ({"type": "page"}, OF_PAGE),
    "offset": ({"type": "offset"}, OF_OFFSET),
    "cursor": ({"type": "cursor", "next": "next"}, OF_CURSOR),
    "next_url": ({"type": "next_url", "next": "next_url"}, OF_LINK),
    "link_header": ({"type": "link_header"}, OF_LINK),
}
IN_ORDER = {name: kind for name, kind in KINDS.items() if name in ("cursor", "next_url", "link_header")}


def set_up(rig: Rig, kind: tuple[dict[str, Any], dict[str, Any]], **words: Any) -> None:
    pagination, params = kind
    rig.spec = users_spec(
        pagination=pagination,
        request={"path": "/users", "params": params},
        max_concurrent_pages=None,
        **words,
    )
    rig.api.total_of = lambda _: None


@pytest.mark.parametrize("users", [0, 10, 25])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_without_a_total_the_apis_own_end_is_the_proof(
    rig: Rig, kind: tuple[dict[str, Any], dict[str, Any]], users: int
) -> None:
    set_up(rig, kind)
    rig.api.fill(users)
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.proof, report.account.expected) == ("completed", "end_signal", None)
    assert (report.account.inserted, report.account.duplicate, report.pages) == (users, 0, -(-users // 10))
    assert (rig.watermark() is None) is (users == 0)


@pytest.mark.parametrize("name", ["page", "offset"])
def test_numbered_pages_with_a_total_are_proven_by_it(rig: Rig, name: str) -> None:
    pagination, params = KINDS[name]
    rig.spec = users_spec(
        pagination={**pagination, "total": "total"}, request={"path": "/users", "params": params}
    )
    rig.api.fill(25)
    report = rig.sync()
    assert (report.status, report.proof, rig.table()) == ("completed", "total", rig.api.table())


@pytest.mark.parametrize("kind", IN_ORDER.values(), ids=IN_ORDER.keys())
def test_behind_a_page_that_fails_everything_is_unread_and_the_entry_says_so(
    rig: Rig, kind: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    set_up(rig, kind)
    rig.api.fill(35)
    rig.api.faults[21] = status(500)
    report = rig.sync()
    assert (report.status, report.proof, rig.watermark()) == ("completed_with_errors", "none", None)
    assert (report.account.seen, report.account.pages_queued) == (20, 1)
    [entry] = rig.queue()
    assert "everything behind this page is unread" in entry["error"]
    rig.api.faults.clear()
    rig.drain()
    assert len(rig.table()) == 30
    rig.tick(60)
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


@pytest.mark.parametrize("name", ["page", "offset"])
def test_a_server_that_ignores_the_page_is_noticed(rig: Rig, name: str) -> None:
    set_up(rig, KINDS[name])
    same = json_reply({"data": [{"id": 1, "email": "a@x", "active": True}]})
    rig.api.faults |= dict.fromkeys(range(100), same)
    report = rig.sync(SyncOrder("full"))
    assert (report.status, report.proof) == ("completed_with_errors", "none")
    assert len(rig.api.requests) < 5


def test_a_cursor_that_leads_back_is_noticed(rig: Rig) -> None:
    set_up(rig, KINDS["cursor"])
    rig.api.fill(25)
    rig.api.faults[21] = json_reply({"data": [], "next": "11"})
    report = rig.sync()
    assert (report.status, report.account.seen) == ("completed_with_errors", 20)


def test_a_single_body_without_pages_is_read_whole(rig: Rig) -> None:
    rig.spec = users_spec(
        pagination={"type": "none"},
        request={"path": "/users", "params": {"limit": 500}},
        incremental=None,
        max_concurrent_pages=None,
    )
    rig.api.total_of = lambda _: None
    rig.api.fill(120)
    report = rig.sync()
    assert (report.status, report.proof, report.pages) == ("completed", "end_signal", 1)
    assert rig.table() == rig.api.table()


def test_a_page_that_is_empty_in_the_middle_does_not_end_a_read_that_knows_better(rig: Rig) -> None:
    set_up(rig, KINDS["cursor"])
    rig.api.fill(25)
    rig.api.faults[11] = json_reply({"data": [], "next": "21"})
    rig.sync()
    assert rig.table().keys() == {str(number) for number in (*range(1, 11), *range(21, 26))}
