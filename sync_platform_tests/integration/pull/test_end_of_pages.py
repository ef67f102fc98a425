"""`end_of_pages` and inexact totals: where the pages end when no total says so."""

from pathlib import Path

import pytest

from sync_platform.pull import turns
from sync_platform.pull.retry import drain
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import FakeListApi, no_such_page, page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import ScriptedReply, ScriptedServer, body_reply, status

THREE = [{"id": number, "name": f"n{number}"} for number in (1, 2, 3)]
ENDS = [{"status": 404, "action": "end_of_pages"}]
PAGES = {"path": "/things", "params": {"page": "{page}", "limit": "{page_size}"}}


@pytest.mark.parametrize("total", [None, {"path": "total", "exact": False}])
def test_an_answer_that_ends_the_pages_is_the_apis_own_end(
    database: DatabaseAddress, tmp_path: Path, total: object
) -> None:
    pagination = {"type": "page", **({"total": total} if total else {})}
    spec = spec_of(request=PAGES, page_size=2, pagination=pagination, response_actions=ENDS)
    with ScriptedServer() as server:
        server.script("/things", page_of(*THREE[:2], total=99), page_of(THREE[2], total=99), no_such_page())
        pulling = Pulling(spec, database, tmp_path, {"API_URL": server.url})
        # The same again in the confirming look, which pages by number need without a total.
        server.script(
            "/things", *[page_of(*THREE[:2], total=99), page_of(THREE[2], total=99), no_such_page()] * 2
        )
        row = pulling.sync()
    assert (row["status"], row["proof"], row["seen"]) == ("completed", "end_signal", 3)
    assert row["expected"] == (99 if total else None)
    assert pulling.table("id") == {("1",), ("2",), ("3",)}


def test_the_records_of_the_answer_that_ends_the_pages_are_taken_too(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    ends = [{"body": {"last": True}, "action": "end_of_pages"}]
    spec = spec_of(request=PAGES, page_size=2, pagination={"type": "page"}, response_actions=ends)
    with ScriptedServer() as server:
        pulling = Pulling(spec, database, tmp_path, {"API_URL": server.url})
        server.script("/things", *[page_of(*THREE[:2], last=False), page_of(THREE[2], last=True)] * 2)
        row = pulling.sync()
        assert {asked.param("page") for asked in server.requests} == {"1", "2"}
    assert (row["status"], row["proof"], row["seen"]) == ("completed", "end_signal", 3)
    assert pulling.table("id") == {("1",), ("2",), ("3",)}


def test_an_end_before_its_own_total_proves_nothing(database: DatabaseAddress, tmp_path: Path) -> None:
    ends = [{"body": {"last": True}, "action": "end_of_pages"}]
    pagination = {"type": "page", "total": "total"}
    spec = spec_of(request=PAGES, page_size=2, pagination=pagination, response_actions=ends)
    with ScriptedServer() as server:
        server.script("/things", page_of(*THREE[:2], total=3, last=True))
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
        assert {asked.param("page") for asked in server.requests} == {"1"}
    assert (row["status"], row["proof"], row["seen"], row["expected"]) == ("unproven", "none", 2, 3)


@pytest.mark.parametrize("answer", [status(202), body_reply(b"no more", headers={"X-End": "1"})])
def test_an_end_without_json_holds_no_records(
    database: DatabaseAddress, tmp_path: Path, answer: ScriptedReply
) -> None:
    ends = [{"status": 202, "action": "end_of_pages"}, {"headers": {"X-End": "1"}, "action": "end_of_pages"}]
    spec = spec_of(request=PAGES, page_size=2, pagination={"type": "page"}, response_actions=ends)
    with ScriptedServer() as server:
        server.script("/things", *[page_of(*THREE[:2]), answer] * 2)
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
    assert (row["status"], row["proof"], row["seen"]) == ("completed", "end_signal", 2)


def test_an_end_that_was_queued_brings_its_records_with_the_retry(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    ends = [{"body": {"last": True}, "action": "end_of_pages"}]
    spec = spec_of(
        request=PAGES, page_size=2, pagination={"type": "page", "total": "total"}, response_actions=ends
    )
    with ScriptedServer() as server:
        pulling = Pulling(spec, database, tmp_path, {"API_URL": server.url})
        first = page_of(*THREE[:2], total=3, last=False)
        server.script("/things", first, status(500), status(500))
        row = pulling.sync()
        assert (row["status"], row["seen"], row["pages_queued"]) == ("completed_with_errors", 2, 1)
        server.script("/things", page_of(THREE[2], total=3, last=True))
        context = pulling.context()
        turns.take_turn(context)
        assert drain(context, is_all=True).account.inserted == 1
    assert pulling.table("id") == {("1",), ("2",), ("3",)}


def test_an_empty_source_may_say_so_with_a_404(database: DatabaseAddress, tmp_path: Path) -> None:
    spec = spec_of(request=PAGES, pagination={"type": "page", "total": "total"}, response_actions=ENDS)
    with ScriptedServer() as server:
        server.script("/things", no_such_page())
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
    assert (row["status"], row["proof"], row["seen"], row["pages_queued"]) == (
        "completed",
        "end_signal",
        0,
        0,
    )


def test_an_end_before_the_exact_total_is_reached_proves_nothing_and_queues_nothing(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    spec = spec_of(
        request=PAGES,
        page_size=2,
        max_concurrent_pages=1,
        pagination={"type": "page", "total": "total"},
        response_actions=[{"status": 422, "body": {"code": "too_deep"}, "action": "end_of_pages"}],
    )
    api = FakeListApi([{"id": number, "name": "n"} for number in range(10)], reach=4)
    with ScriptedServer() as server:
        server.script("/things", api)
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
    assert (row["status"], row["proof"], row["seen"], row["pages_queued"]) == ("unproven", "none", 4, 0)
    assert max(int(asked.get("page", 1)) for asked in api.asked) == 3  # nothing behind the end is asked for


def test_a_bad_total_that_is_inexact_anyway_is_no_contradiction(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    pagination = {"type": "cursor", "next": "next", "total": {"path": "total", "exact": False}}
    request = {"path": "/things", "params": {"after": "{cursor}"}}
    spec = spec_of(request=request, pagination=pagination)
    with ScriptedServer() as server:
        server.script(
            "/things", page_of(THREE[0], next="c2", total="many"), page_of(*THREE[1:], total="many")
        )
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
        assert [asked.param("after") for asked in server.requests] == [None, "c2"]
    assert (row["status"], row["proof"], row["seen"]) == ("completed", "end_signal", 3)
