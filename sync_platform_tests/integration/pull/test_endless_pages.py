"""Sources whose pages never end, each full of new records: the read ends, says why, and proves nothing."""

from pathlib import Path
from typing import Any

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer

BY_CURSOR = {"path": "/things", "params": {"after": "{cursor}"}}
BY_PAGE = {"path": "/things", "params": {"page": "{page}"}}
BY_OFFSET = {"path": "/things", "params": {"offset": "{offset}"}}
PAGE_SIZE = 3
MOST = 6
KINDS: dict[str, dict[str, Any]] = {
    "cursor": {"request": BY_CURSOR, "pagination": {"type": "cursor", "next": "next"}},
    "has_more": {"request": BY_CURSOR, "pagination": {"type": "cursor", "next": "next", "has_more": "more"}},
    "next_url": {"request": {"path": "/things"}, "pagination": {"type": "next_url", "next": "next_url"}},
    "last_record": {"request": BY_CURSOR, "pagination": {"type": "last_record", "field": "id"}},
    "page": {"request": BY_PAGE, "pagination": {"type": "page"}},
    "offset": {"request": BY_OFFSET, "pagination": {"type": "offset"}},
    "page with a total": {"request": BY_PAGE, "pagination": {"type": "page", "total": "total"}},
}


class EndlessApi:
    """Each answer is a full page of records, a token and a link that it has never sent before."""

    def __init__(self) -> None:
        self.pages = 0

    def __call__(self, _: RecordedRequest) -> ScriptedReply:
        assert self.pages < 10 * MOST, "somebody reads on for ever"
        self.pages += 1
        first = self.pages * PAGE_SIZE
        records = [{"id": number, "name": "n"} for number in range(first, first + PAGE_SIZE)]
        following = {"next": f"token-{self.pages}", "next_url": f"?after={self.pages}", "more": True}
        return page_of(*records, **following, total=10**12)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_pages_without_an_end_stop_at_max_pages(
    database: DatabaseAddress, tmp_path: Path, kind: dict[str, Any]
) -> None:
    api = EndlessApi()
    spec = spec_of(**{**kind, "pagination": {**kind["pagination"], "max_pages": MOST}}, page_size=PAGE_SIZE)
    with ScriptedServer() as server:
        server.script("/things", api)
        pulling = Pulling(spec, database, tmp_path, {"API_URL": server.url})
        row = pulling.sync()
    assert (row["status"], row["proof"], row["seen"]) == ("completed_with_errors", "none", MOST * PAGE_SIZE)
    assert api.pages == MOST
    assert pulling.watermark is None
    [error] = row["errors"]
    assert "raise pagination.max_pages" in error["error"]
    assert "everything behind this page is unread" in error["error"]
    assert len(pulling.table("id")) == MOST * PAGE_SIZE, "what was read is loaded"
