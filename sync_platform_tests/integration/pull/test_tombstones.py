"""`deleted`: a tombstone sets columns of a known row, inserts nothing, and is counted as deleted."""

from pathlib import Path
from typing import Any

import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import Record, page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import ScriptedServer

FIELDS = {
    "gone": {"path": "gone", "type": "boolean"},
    "name": {"path": "name", "type": "text", "required": True},
}
COLUMNS = {"id": "id", "name": "name", "status": "'live'", "rank": {"sql": "rank", "type": "bigint"}}


def _pulling(database: DatabaseAddress, tmp_path: Path, server: ScriptedServer, **words: Any) -> Pulling:
    deleted = {"when": "gone", "set": {"status": "gone", "rank": None}}
    spec = spec_of(**{"fields": FIELDS, "columns": COLUMNS, "deleted": deleted, **words})
    return Pulling(spec, database, tmp_path, {"API_URL": server.url})


def test_a_tombstone_sets_its_columns_in_a_known_row_and_inserts_nothing(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    live: list[Record] = [{"id": 1, "name": "Ann", "rank": 7}, {"id": 2, "name": "Ben", "rank": 8}]
    gone: list[Record] = [{"id": 1, "gone": True}, {"id": 9, "gone": True}, live[1]]
    with ScriptedServer() as server:
        server.script("/things", page_of(*live), page_of(*gone))
        pulling = _pulling(database, tmp_path, server)
        assert pulling.sync()["inserted"] == 2
        row = pulling.sync()
        assert (row["deleted"], row["unchanged"], row["inserted"]) == (2, 1, 0)
        assert pulling.table("id", "name", "status", "rank") == {
            ("1", "Ann", "gone", None),
            ("2", "Ben", "live", 8),
        }
        again = pulling.sync()
    assert (again["deleted"], again["updated"], again["unchanged"]) == (2, 0, 1)


def test_what_comes_back_after_its_tombstone_is_live_again(database: DatabaseAddress, tmp_path: Path) -> None:
    ann = {"id": 1, "name": "Ann", "rank": 7}
    with ScriptedServer() as server:
        server.script("/things", page_of(ann), page_of({"id": 1, "gone": True}), page_of(ann))
        pulling = _pulling(database, tmp_path, server)
        rows = [pulling.sync() for _ in range(3)]
    assert [row["updated"] for row in rows] == [0, 0, 1]
    assert pulling.table("status", "rank") == {("live", 7)}


def test_only_a_tombstone_may_lack_what_is_required(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1}, {"id": 2, "gone": True}, {"gone": True}))
        pulling = _pulling(database, tmp_path, server)
        row = pulling.sync()
    assert (row["deleted"], row["quarantined"]) == (1, 2)
    reasons = {entry["reason"] for entry in pulling.rows("select reason from sync_quarantine")}
    assert any("`name`" in reason for reason in reasons)


def test_tombstones_in_a_first_sync_insert_nothing(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 2, "gone": True}))
        pulling = _pulling(database, tmp_path, server)
        assert pulling.sync()["deleted"] == 1
    assert pulling.table("id") == set()


def test_a_condition_that_is_none_is_refused_by_name(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "name": "Ann"}))
        pulling = _pulling(database, tmp_path, server, deleted={"when": "name", "set": {"status": "gone"}})
        with pytest.raises(PermanentError, match=r"deleted\.when gives String"):
            pulling.sync()


def test_a_value_that_its_column_cannot_hold_is_refused_before_anything_is_read(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "name": "Ann"}))
        pulling = _pulling(database, tmp_path, server, deleted={"when": "gone", "set": {"rank": "first"}})
        with pytest.raises(PermanentError, match="`rank`: this value is no bigint"):
            pulling.sync()
        assert not server.requests
