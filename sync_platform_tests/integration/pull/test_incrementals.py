"""Every kind of incremental: times in each format, integers, creations only, tokens; where each goes on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_platform.vocabulary import PermanentError, UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import FakeListApi, page_of
from sync_platform_tests.pulling import BEGIN, Pulling, spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer

SINCE = {"path": "/things", "params": {"since": "{since}", "until": "{until}", "page": "{page}"}}
PAGED = {"type": "page", "total": "total"}
CHANGED_AT = datetime(2024, 4, 30, 10, 30, 5, tzinfo=UTC)


def _pulling(database: DatabaseAddress, tmp_path: Path, server: ScriptedServer, **words: Any) -> Pulling:
    return Pulling(spec_of(**words), database, tmp_path, {"API_URL": server.url})


@pytest.mark.parametrize(
    ("said", "written", "expected_since"),
    [
        ({}, "2024-04-30T10:30:05Z", "2024-04-30T10:29:05Z"),
        ({"format": "epoch_s"}, 1714473005, "1714472945"),
        ({"format": "epoch_ms"}, 1714473005000, "1714472945000"),
        ({"format": "%d.%m.%Y %H:%M:%S"}, "30.04.2024 10:30:05", "30.04.2024 10:29:05"),
        ({"format": "epoch_s", "param_format": "iso8601"}, 1714473005, "2024-04-30T10:29:05Z"),
        ({"param_format": "%Y-%m-%d"}, "2024-04-30T10:30:05Z", "2024-04-30"),
    ],
)
def test_a_time_is_read_and_asked_in_the_sources_own_formats(
    database: DatabaseAddress, tmp_path: Path, said: dict[str, str], written: object, expected_since: str
) -> None:
    record = {"id": 1, "name": "Ann", "seen": {"at": written}}
    with ScriptedServer() as server:
        server.script("/things", page_of(record, total=1))
        words = {"request": SINCE, "pagination": PAGED, "incremental": {"field": "seen.at", **said}}
        pulling = _pulling(database, tmp_path, server, **words)
        pulling.sync()
        assert pulling.watermark == "2024-04-30T10:30:05.000000Z"
        pulling.sync()
        assert server.requests[-1].param("since") == expected_since
    assert pulling.table("id", "source_updated_at") == {("1", CHANGED_AT)}


def _versioned(count: int) -> list[dict[str, Any]]:
    return [{"id": f"t{number}", "name": "n", "version": number} for number in range(1, count + 1)]


def test_an_integer_starts_at_0_and_goes_on_from_the_newest_as_a_number(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    api = FakeListApi(_versioned(9), by="version", read=int, is_strict=True)
    with ScriptedServer() as server:
        server.script("/things", api)
        incremental = {"field": "version", "format": "integer"}
        words = {"request": SINCE, "pagination": PAGED, "incremental": incremental}
        pulling = _pulling(database, tmp_path, server, **words)
        assert not pulling.spec.is_partitioned
        first = pulling.sync()
        assert (first["seen"], first["window_since"], pulling.watermark) == (9, "0", "9")
        api.records = _versioned(10)  # "10" comes before "9" as text
        second = pulling.sync()
        assert (second["seen"], second["inserted"], pulling.watermark) == (1, 1, "10")
        assert pulling.sync()["seen"] == 0
        assert pulling.watermark == "10"
        full = pulling.sync("full")
    assert (full["seen"], full["window_since"], pulling.watermark) == (10, None, "10")
    assert api.asked[-1].get("since") is None
    assert len(pulling.table("id")) == 10


def test_a_record_whose_integer_is_none_is_quarantined(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "version": "x"}, {"id": 2, "version": 5}, total=2))
        incremental = {"field": "version", "format": "integer"}
        words = {"request": SINCE, "pagination": PAGED, "incremental": incremental}
        pulling = _pulling(database, tmp_path, server, **words)
        assert pulling.sync()["quarantined"] == 1
    assert pulling.watermark == "5"


def test_an_integer_source_has_no_times_to_ask_for(database: DatabaseAddress, tmp_path: Path) -> None:
    incremental = {"field": "version", "format": "integer"}
    with ScriptedServer() as server:
        words = {"request": SINCE, "pagination": PAGED, "incremental": incremental}
        pulling = _pulling(database, tmp_path, server, **words)
        with pytest.raises(UsageError, match="--since"):
            pulling.sync("incremental", since=BEGIN)
        with pytest.raises(UsageError, match="no time of change"):
            pulling.sync("window")


def test_a_watermark_of_another_kind_is_refused_with_the_way_out(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        words = {"request": SINCE, "pagination": PAGED}
        counted = {**words, "incremental": {"field": "version", "format": "integer"}}
        pulling = _pulling(database, tmp_path, server, **counted)
        pulling.rows("insert into sync_metadata values ('last_things_sync', 'yesterday') returning key")
        with pytest.raises(PermanentError, match="is no integer: correct its value, or delete its row"):
            pulling.sync()


def test_creations_only_are_found_by_creation_and_the_rest_by_the_full_sync(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    api = FakeListApi([{"id": 1, "name": "Ann", "created": 1714473005}], by="created", read=int)
    incremental = {"field": "created", "format": "epoch_s", "tracks": "new", "lag_s": 0}
    with ScriptedServer() as server:
        server.script("/things", api)
        words = {"request": SINCE, "pagination": PAGED, "incremental": incremental, "full_every_s": 3600}
        pulling = _pulling(database, tmp_path, server, **words)
        assert not pulling.spec.is_partitioned
        assert pulling.sync()["inserted"] == 1
        api.records = [{"id": 1, "name": "Anna", "created": 1714473005}, {"id": 2, "created": 1714473900}]
        pulling.tick(60)
        api.records[0]["created"] = 1714473000  # not found by the filter any more
        second = pulling.sync()
        assert (second["sync_type"], second["inserted"], second["updated"]) == ("incremental", 1, 0)
        pulling.tick(7200)
        third = pulling.sync()
    assert (third["sync_type"], third["seen"]) == ("full", 2)


def test_a_source_without_incremental_takes_its_change_time_from_a_column(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    columns = {"id": "id", "name": "name", "source_updated_at": {"sql": "touched", "format": "epoch_s"}}
    with ScriptedServer() as server:
        newer, older = ({"id": 1, "name": name, "touched": at} for name, at in (("new", 200), ("old", 100)))
        server.script("/things", page_of(newer), page_of(older))
        pulling = _pulling(database, tmp_path, server, columns=columns)
        assert pulling.sync()["inserted"] == 1
        assert pulling.sync()["stale"] == 1
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=200)
    assert pulling.table("name", "source_updated_at") == {("new", moment)}
    assert pulling.watermark is None


class TokenApi:
    """Two pages, the last of which hands over a token; asked with it, what is new since."""

    def __init__(self, url: str, *, as_url: bool) -> None:
        self._url, self._as_url, self._handed = url, as_url, 0

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        token, page = request.param("token"), request.param("page")
        if token is None and page is None:
            return page_of({"id": 1, "name": "Ann"}, next=self._place("page=2"))
        self._handed += 1
        number = 2 if token is None else 10 + self._handed
        return page_of({"id": number, "name": "x"}, delta=self._place(f"token=T{self._handed}"))

    def _place(self, query: str) -> str:
        return f"{self._url}/things?{query}" if self._as_url else query.partition("=")[2]


@pytest.mark.parametrize("way", ["url", "since", "cursor"])
def test_a_token_starts_the_next_sync_and_is_replaced_by_it(
    database: DatabaseAddress, tmp_path: Path, way: str
) -> None:
    params = {"since": {"page": "{cursor}", "token": "{since}"}, "cursor": {"token": "{cursor}"}}
    paging = {"type": "next_url" if way == "url" else "cursor", "next": "next"}
    with ScriptedServer() as server:
        server.script("/things", TokenApi(server.url, as_url=way == "url"))
        request = {"path": "/things", "params": params.get(way, {})}
        incremental = {"token": "delta"}
        pulling = _pulling(
            database, tmp_path, server, request=request, pagination=paging, incremental=incremental
        )
        assert not pulling.spec.is_partitioned
        first = pulling.sync()
        assert (first["sync_type"], first["seen"], first["proof"]) == ("full", 2, "end_signal")
        token = f"{server.url}/things?token=T1" if way == "url" else "T1"
        assert pulling.watermark == token
        second = pulling.sync()
        assert (second["sync_type"], second["seen"], second["inserted"]) == ("incremental", 1, 1)
        assert server.requests[-1].param("token") == "T1"
        assert (pulling.watermark or "").endswith("T2")
        full = pulling.sync("full")
    assert (full["sync_type"], full["seen"]) == ("full", 2)
    assert (pulling.watermark or "").endswith("T3")


def test_a_token_that_does_not_come_leaves_the_sync_unproven(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    paging = {"type": "next_url", "next": "next"}
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "name": "Ann"}))
        pulling = _pulling(database, tmp_path, server, pagination=paging, incremental={"token": "delta"})
        row = pulling.sync()
    assert (row["status"], row["inserted"], pulling.watermark) == ("unproven", 1, None)
    assert any("hands over no token" in line for line in pulling.lines)


def test_a_token_that_leads_to_another_host_is_not_followed(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    paging = {"type": "next_url", "next": "next"}
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1}, delta="https://elsewhere.example/things"))
        pulling = _pulling(database, tmp_path, server, pagination=paging, incremental={"token": "delta"})
        pulling.sync()
        with pytest.raises(PermanentError, match=r"elsewhere\.example"):
            pulling.sync()
        assert len(server.requests) == 1
