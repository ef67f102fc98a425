"""`max_records`: what one query cannot reach is read in parts, each proven, in one sync with one account."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import FakeListApi
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer, status

REQUEST = {
    "path": "/things",
    "params": {"since": "{since}", "until": "{until}", "page": "{page}", "limit": "{page_size}"},
}
FIRST = datetime(2024, 3, 1, tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _records(count: int, step: timedelta) -> list[dict[str, Any]]:
    return [{"id": n, "name": f"n{n}", "updated_at": _iso(FIRST + n * step)} for n in range(count)]


def _pulling(
    database: DatabaseAddress, tmp_path: Path, server: ScriptedServer, most: int, **incremental: object
) -> Pulling:
    spec = spec_of(
        request=REQUEST,
        page_size=5,
        pagination={"type": "page", "total": "total", "max_records": most},
        incremental={"field": "updated_at", "lag_s": 0, **incremental},
    )
    return Pulling(spec, database, tmp_path, {"API_URL": server.url})


@pytest.mark.parametrize("sync_type", ["incremental", "full"])
@pytest.mark.parametrize(("is_strict", "lag_s"), [(False, 0), (True, 60)])
def test_a_window_that_is_too_large_is_read_whole_in_parts(
    database: DatabaseAddress, tmp_path: Path, sync_type: Any, is_strict: bool, lag_s: int
) -> None:
    records = _records(100, timedelta(minutes=7))
    api = FakeListApi(records, is_strict=is_strict, reach=20)
    with ScriptedServer() as server:
        server.script("/things", api)
        pulling = _pulling(database, tmp_path, server, 20, lag_s=lag_s)
        row = pulling.sync(sync_type)
    assert (row["status"], row["proof"], row["expected"], row["distinct"]) == ("completed", "total", 100, 100)
    assert row["inserted"] == 100
    assert row["duplicate"] == row["seen"] - 100
    assert pulling.table("id", "name") == {(str(n), f"n{n}") for n in range(100)}
    assert pulling.watermark == "2024-03-01T11:33:00.000000Z"
    assert len({asked.get("until") for asked in api.asked}) > 5


def test_an_integer_cursor_is_cut_too(database: DatabaseAddress, tmp_path: Path) -> None:
    records = [{"id": n, "name": "n", "updated_at": 40 * n} for n in range(100)]
    api = FakeListApi(records, read=int, is_strict=True, reach=20)
    with ScriptedServer() as server:
        server.script("/things", api)
        spec = _pulling(database, tmp_path, server, 20).spec
        words = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"incremental"})
        integer = spec_of(
            **words, incremental={"field": "updated_at", "format": "integer", "full": "from_start"}
        )
        pulling = Pulling(integer, database, tmp_path, {"API_URL": server.url})
        row = pulling.sync()
    assert (row["status"], row["distinct"], row["inserted"], pulling.watermark) == (
        "completed",
        99,
        99,
        "3960",
    )


def test_more_records_in_one_moment_than_a_query_reaches_are_unproven(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    api = FakeListApi(_records(30, timedelta(0)), reach=20)
    with ScriptedServer() as server:
        server.script("/things", api)
        pulling = _pulling(database, tmp_path, server, 20, format="%Y-%m-%dT%H:%M:%SZ")
        row = pulling.sync()
    assert (row["proof"], pulling.watermark) == ("none", None)
    assert any("share one place of the cursor" in line for line in pulling.lines)


def test_records_without_the_cursor_are_not_lost_silently(database: DatabaseAddress, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [*_records(30, timedelta(hours=1)), {"id": "x", "name": "no time"}]
    api = FakeListApi(records, reach=20)
    with ScriptedServer() as server:
        server.script("/things", api)
        row = _pulling(database, tmp_path, server, 20).sync("full")
    assert (row["status"], row["distinct"], row["expected"]) == ("unproven", 30, 31)


def test_a_part_that_cannot_be_read_is_queued_and_the_others_are_loaded(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    api = FakeListApi(_records(40, timedelta(hours=1)), reach=25)

    def sometimes(request: RecordedRequest) -> ScriptedReply:
        reply = api(request)
        is_first_part = request.param("since") == "2024-03-01T00:00:00Z"
        return status(500) if is_first_part and json.loads(reply.body)["total"] <= 25 else reply

    with ScriptedServer() as server:
        server.script("/things", sometimes)
        pulling = _pulling(database, tmp_path, server, 25, start=_iso(FIRST))
        row = pulling.sync()
        queue = pulling.rows("select page, payload from sync_retry_queue")
    assert row["status"] == "completed_with_errors"
    assert 0 < row["inserted"] < 40
    assert len(queue) == row["pages_queued"] == 1
    assert ["since", "2024-03-01T00:00:00Z"] in queue[0]["payload"]["params"]
    assert pulling.watermark is None
