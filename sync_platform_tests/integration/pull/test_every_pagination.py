"""Every pagination, every place of a total, and every way to authenticate, through the whole engine."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync_platform.pull.land import Landing
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)

RECORDS = [{"id": number, "name": f"n{number}"} for number in range(1, 24)]
SIZE = 5
Answer = Callable[[RecordedRequest], ScriptedReply]


def _slice(request: RecordedRequest, first: int) -> dict[str, Any]:
    assert request.param("limit") in {str(SIZE), None}
    end = first + SIZE
    return {"data": RECORDS[first:end], "more": end < len(RECORDS), "last": end >= len(RECORDS), "end": end}


def _by_page(first: int) -> Answer:
    def answer(request: RecordedRequest) -> ScriptedReply:
        shown = _slice(request, (int(request.param("page") or first) - first) * SIZE)
        return json_reply({**shown, "total": len(RECORDS)}, headers={"X-Total": f"0-9/{len(RECORDS)}"})

    return answer


def _by_offset(request: RecordedRequest) -> ScriptedReply:
    shown = _slice(request, int(request.param("offset") or 0))
    return json_reply({**shown, "meta": {"count": str(len(RECORDS))}})


def _by_cursor(request: RecordedRequest) -> ScriptedReply:
    shown = _slice(request, int(request.param("after") or 0))
    return json_reply({**shown, "paging": {"next": shown["end"] if shown["more"] else None}})


def _by_last_record(request: RecordedRequest) -> ScriptedReply:
    return json_reply(_slice(request, int(request.param("after") or 0)))


def _by_url(request: RecordedRequest) -> ScriptedReply:
    shown = _slice(request, int(request.param("from") or 0))
    following = f"?from={shown['end']}&limit={SIZE}" if shown["more"] else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return json_reply({**shown, "@next": following}, headers=headers)


PAGE = {"page": "{page}", "limit": "{page_size}"}
OFFSET = {"offset": "{offset}", "limit": "{page_size}"}
AFTER = {"after": "{cursor}", "limit": "{page_size}"}
LIMIT = {"limit": "{page_size}"}


@pytest.mark.parametrize(
    ("params", "pagination", "answer", "proof"),
    [
        (PAGE, {"type": "page", "total": "total"}, _by_page(1), "total"),
        (PAGE, {"type": "page", "first": 0, "total": {"header": "X-Total"}}, _by_page(0), "total"),
        (PAGE, {"type": "page"}, _by_page(1), "end_signal"),
        (PAGE, {"type": "page", "has_more": "more"}, _by_page(1), "end_signal"),
        (
            PAGE,
            {"type": "page", "done": "last", "total": {"path": "total", "exact": False}},
            _by_page(1),
            "end_signal",
        ),
        (OFFSET, {"type": "offset", "total": "meta.count"}, _by_offset, "total"),
        (
            OFFSET,
            {"type": "offset", "total": {"path": "n", "request": {"path": "/count"}}},
            _by_offset,
            "total",
        ),
        (OFFSET, {"type": "offset"}, _by_offset, "end_signal"),
        (AFTER, {"type": "cursor", "next": "paging.next"}, _by_cursor, "end_signal"),
        (AFTER, {"type": "last_record", "field": "id"}, _by_last_record, "end_signal"),
        (AFTER, {"type": "last_record", "field": "id", "has_more": "more"}, _by_last_record, "end_signal"),
        (LIMIT, {"type": "next_url", "next": ["@next"]}, _by_url, "end_signal"),
        (LIMIT, {"type": "link_header"}, _by_url, "end_signal"),
        (
            LIMIT,
            {"type": "link_header", "total": {"path": "n", "request": {"path": "/count"}}},
            _by_url,
            "total",
        ),
    ],
)
def test_every_record_arrives(
    database: DatabaseAddress,
    tmp_path: Path,
    *,
    params: dict[str, str],
    pagination: dict[str, Any],
    answer: Answer,
    proof: str,
) -> None:
    with ScriptedServer() as server:
        server.script("/things", answer)
        server.script("/count", json_reply({"n": len(RECORDS)}))
        request = {"path": "/things", "params": params}
        spec = spec_of(request=request, page_size=SIZE, pagination=pagination)
        pulling = Pulling(spec, database, tmp_path, {"API_URL": server.url})
        rows = [pulling.sync(), pulling.sync()]
    assert [row["status"] for row in rows] == ["completed"] * 2
    assert [(row["proof"], row["inserted"], row["unchanged"]) for row in rows] == [
        (proof, 23, 0),
        (proof, 0, 23),
    ]
    assert pulling.table("id", "name") == {(str(one["id"]), one["name"]) for one in RECORDS}


BASIC = base64.b64encode(b"me:pass").decode()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "${SECRET}"}, "authorization", "Bearer s3cret"),
        ({"type": "header", "name": "X-Key", "value": "${SECRET}"}, "x-key", "s3cret"),
        ({"type": "basic", "username": "me", "password": "${PASSWORD}"}, "authorization", f"Basic {BASIC}"),
        ({"type": "query", "name": "api_key", "value": "${SECRET}"}, None, "s3cret"),
        (
            {"type": "oauth2", "token_url": "/token", "client_id": "me", "client_secret": "${SECRET}"},
            "authorization",
            "Bearer t2",
        ),
    ],
)
def test_every_way_to_authenticate_reaches_every_page_and_no_ledger(
    database: DatabaseAddress, tmp_path: Path, auth: dict[str, str], header: str | None, value: str
) -> None:
    def answer(request: RecordedRequest) -> ScriptedReply:
        given = request.headers.get(header) if header else request.param("api_key")
        return _by_url(request) if given == value else status(401)

    with ScriptedServer() as server:
        server.script("/things", answer)
        tokens = [json_reply({"access_token": token, "expires_in": 3600}) for token in ("t1", "t2")]
        server.script("/token", *tokens)  # the first token is refused and renewed once
        spec = spec_of(
            pagination={"type": "link_header"},
            request={"path": "/things", "params": LIMIT},
            auth=auth,
            page_size=SIZE,
        )
        environment = {"API_URL": server.url, "SECRET": "s3cret", "PASSWORD": "pass"}
        pulling = Pulling(spec, database, tmp_path, environment)
        row = pulling.sync()
    assert (row["status"], row["inserted"]) == ("completed", 23)
    landed = Landing(str(tmp_path), "things").sync(row["sync_id"])
    pages = [page for block in range(1, landed.read_manifest.blocks + 1) for page in landed.pages(block)]
    assert len(pages) == 5
    assert not any(b"s3cret" in page.request + page.body for page in pages)
    assert "s3cret" not in repr(pulling.lines)
