"""`on_missing: deactivate`: rows that a proven full sync did not bring are set as gone, never deleted."""

from pathlib import Path
from typing import Any

import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import Record, page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import ScriptedServer, status

COLUMNS = {"id": "id", "name": "name", "status": "'active'"}


def _records(*numbers: int) -> list[Record]:
    return [{"id": number, "name": f"n{number}"} for number in numbers]


def _pulling(database: DatabaseAddress, tmp_path: Path, server: ScriptedServer, **words: Any) -> Pulling:
    spec = spec_of(**{"columns": COLUMNS, "on_missing": "deactivate", "max_missing_share": 0.5, **words})
    return Pulling(spec, database, tmp_path, {"API_URL": server.url})


def test_rows_that_a_full_sync_does_not_bring_become_inactive_and_come_back(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        server.script("/things", *[page_of(*_records(*n)) for n in ((1, 2, 3), (1, 2), (1, 2), (1, 2, 3))])
        pulling = _pulling(database, tmp_path, server)
        rows = [pulling.sync()]
        rows.append(pulling.sync())
        assert pulling.table("id", "status") == {("1", "active"), ("2", "active"), ("3", "inactive")}
        [changed] = pulling.rows("select sync_id, metadata ->> 'source' as source from things where id = '3'")
        assert changed == {"sync_id": rows[1]["sync_id"], "source": "things"}
        rows += [pulling.sync(), pulling.sync()]
    assert [row["deactivated"] for row in rows] == [0, 1, 0, 0]
    assert [row["status"] for row in rows] == ["completed"] * 4
    assert (rows[2]["unchanged"], rows[3]["updated"]) == (2, 1)
    assert pulling.table("status") == {("active",)}


def test_keep_is_the_default(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2)), page_of(*_records(1)))
        pulling = _pulling(database, tmp_path, server, on_missing="keep")
        assert [pulling.sync()["deactivated"] for _ in range(2)] == [0, 0]
    assert pulling.table("status") == {("active",)}


def test_what_deleted_says_is_what_is_set(database: DatabaseAddress, tmp_path: Path) -> None:
    columns = {"id": "id", "name": "name", "rank": {"sql": "7", "type": "bigint"}}
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2)), page_of(*_records(1)))
        deleted = {"when": "name = 'gone'", "set": {"rank": -1, "name": None}}
        pulling = _pulling(database, tmp_path, server, columns=columns, deleted=deleted)
        assert [pulling.sync()["deactivated"] for _ in range(2)] == [0, 1]
    assert pulling.table("id", "name", "rank") == {("1", "n1", 7), ("2", None, -1)}


@pytest.mark.parametrize("brought", [(1,), ()])
def test_too_many_missing_rows_are_refused_and_the_table_survives(
    database: DatabaseAddress, tmp_path: Path, brought: tuple[int, ...]
) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2, 3)), page_of(*_records(*brought)))
        pulling = _pulling(database, tmp_path, server)
        pulling.sync()
        before = pulling.table("id", "status", "sync_id")
        with pytest.raises(PermanentError, match="max_missing_share"):
            pulling.sync()
    assert pulling.table("id", "status", "sync_id") == before


def test_an_empty_source_is_not_believed_whatever_the_share(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1)), page_of())
        pulling = _pulling(database, tmp_path, server, max_missing_share=1)
        pulling.sync()
        with pytest.raises(PermanentError, match="came back empty"):
            pulling.sync()


def test_an_unproven_full_sync_deactivates_nothing(database: DatabaseAddress, tmp_path: Path) -> None:
    request = {"path": "/things", "params": {"after": "{cursor}"}}
    words = {"request": request, "pagination": {"type": "cursor", "next": "next"}}
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2)), page_of(*_records(1), next="c"), status(500))
        pulling = _pulling(database, tmp_path, server, **words)
        pulling.sync()
        row = pulling.sync()
    assert (row["status"], row["deactivated"]) == ("completed_with_errors", 0)
    assert pulling.table("status") == {("active",)}


def test_an_incremental_sync_deactivates_nothing(database: DatabaseAddress, tmp_path: Path) -> None:
    request = {"path": "/things", "params": {"since": "{since}"}}
    words = {"request": request, "incremental": {"field": "at", "format": "epoch_s"}}
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "at": 1714473005}, {"id": 2, "at": 1714473005}), page_of())
        pulling = _pulling(database, tmp_path, server, **words)
        assert [pulling.sync()["deactivated"] for _ in range(2)] == [0, 0]


def test_a_row_whose_record_is_quarantined_was_brought(database: DatabaseAddress, tmp_path: Path) -> None:
    fields = {"name": {"path": "name", "type": "text"}}
    with ScriptedServer() as server:
        bad: list[Record] = [{"id": 1, "name": "n1"}, {"id": 2, "name": 5}]
        server.script("/things", page_of(*_records(1, 2, 3)), page_of(*bad))
        pulling = _pulling(database, tmp_path, server, fields=fields)
        rows = [pulling.sync(), pulling.sync()]
    assert (rows[1]["quarantined"], rows[1]["deactivated"]) == (1, 1)
    assert pulling.table("id", "status") == {("1", "active"), ("2", "active"), ("3", "inactive")}


def test_a_record_without_a_key_may_be_any_row(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2)), page_of(*_records(1), {"name": "who"}))
        pulling = _pulling(database, tmp_path, server)
        assert [pulling.sync()["deactivated"] for _ in range(2)] == [0, 0]
    assert any("no row is deactivated" in line for line in pulling.lines)


def test_rows_of_another_source_in_the_same_table_stay(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of(*_records(1, 2)))
        server.script("/others", page_of(*_records(8, 9)), page_of(*_records(8)))
        _pulling(database, tmp_path, server).sync()
        other = _pulling(database, tmp_path, server, source="others", request={"path": "/others"})
        assert [other.sync()["deactivated"] for _ in range(2)] == [0, 1]
    inactive = {row for row in other.table("id", "status") if row[1] == "inactive"}
    assert inactive == {("9", "inactive")}
