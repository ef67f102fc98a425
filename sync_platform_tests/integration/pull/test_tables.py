"""The target table: created, widened or refused before the first request; every type; every legal name."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.fake_list_api import page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import ScriptedServer

TYPED: dict[str, Any] = {
    "id": "id",
    "words": {"sql": "words", "type": "text"},
    "whole": {"sql": "whole", "type": "bigint"},
    "real": {"sql": "part", "type": "double precision"},
    "money": {"sql": "money", "type": "numeric"},
    "flag": {"sql": "flag", "type": "boolean"},
    "moment": {"sql": "moment", "type": "timestamptz"},
    "from_epoch": {"sql": "epoch", "type": "timestamptz", "format": "epoch_s"},
    "born": {"sql": "born", "type": "date"},
    "tags": {"sql": "tags", "type": "jsonb"},
    "doubled": "CAST(whole AS BIGINT) * 2",
}
RECORD: dict[str, Any] = {
    "id": "a",
    "words": "Grüße, 'quoted' \"twice\" \\ and 🙂",
    "whole": 2**53 + 1,
    "part": 0.1,
    "money": "12345678901234567890.123456789",
    "flag": False,
    "moment": "2024-05-01T12:00:00.123456+02:00",
    "epoch": 1714557600,
    "born": "1999-12-31",
    "tags": {"b": [1, 2.5, None, {"c": "ü"}], "a": True},
}


def _pulling(database: DatabaseAddress, tmp_path: Path, server: ScriptedServer, **words: Any) -> Pulling:
    return Pulling(spec_of(**words), database, tmp_path, {"API_URL": server.url})


def test_every_type_arrives_as_it_is_and_stays_unchanged(database: DatabaseAddress, tmp_path: Path) -> None:
    empty = {"id": "nothing"}
    with ScriptedServer() as server:
        server.script("/things", page_of(RECORD, empty))
        pulling = _pulling(database, tmp_path, server, columns=TYPED)
        first, second = pulling.sync(), pulling.sync()
    assert (first["inserted"], second["unchanged"]) == (2, 2)
    rows = {row["id"]: row for row in pulling.rows("select * from things")}
    assert {name: rows["a"][name] for name in TYPED} == {
        "id": "a",
        "words": RECORD["words"],
        "whole": 2**53 + 1,
        "real": 0.1,
        "money": Decimal("12345678901234567890.123456789"),
        "flag": False,
        "moment": datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC),
        "from_epoch": datetime(2024, 5, 1, 10, tzinfo=UTC),
        "born": date(1999, 12, 31),
        "tags": RECORD["tags"],
        "doubled": 2 * (2**53 + 1),
    }
    assert {rows["nothing"][name] for name in TYPED} == {"nothing", None}


@pytest.mark.parametrize(
    ("column", "name", "value"),
    [
        ("whole", "whole", 1.5),
        ("whole", "whole", "many"),
        ("real", "part", "1e999"),
        ("money", "money", "12,50"),
        ("flag", "flag", "yes"),
        ("moment", "moment", "2024-02-30T00:00:00Z"),
        ("moment", "moment", 20240501),
        ("born", "born", "31.12.1999"),
    ],
)
def test_a_value_that_does_not_fit_its_column_quarantines_its_record_alone(
    database: DatabaseAddress, tmp_path: Path, column: str, name: str, value: object
) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({**RECORD, name: value}, {**RECORD, "id": "good"}))
        pulling = _pulling(database, tmp_path, server, columns=TYPED)
        row = pulling.sync()
    assert (row["quarantined"], row["inserted"]) == (1, 1)
    [entry] = pulling.rows("select external_id, reason, record from sync_quarantine")
    assert (entry["external_id"], f"{column}`" in entry["reason"]) == ("a", True)
    assert json.loads(entry["record"])[name] == value


def test_a_table_is_widened_by_new_columns(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "name": "Ann", "age": 7}))
        _pulling(database, tmp_path, server).sync()
        wider = {"id": "id", "name": "name", "age": {"sql": "age", "type": "bigint"}}
        pulling = _pulling(database, tmp_path, server, columns=wider)
        assert pulling.sync()["updated"] == 1
    assert pulling.table("id", "name", "age") == {("1", "Ann", 7)}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "create table things (id text primary key, name bigint)",
            "column name is bigint, the sync declares text",
        ),
        ("create table things (id text, name text)", "its key id has no primary key or unique index"),
        ("create table things (id bigint primary key, name text)", "column id is bigint"),
        (
            "create table things (id text primary key, name text, must text not null)",
            "column must may not be null",
        ),
        ("create view things as select 1 as id", "is not a table"),
    ],
)
def test_a_clash_is_refused_before_the_first_request(
    database: DatabaseAddress, tmp_path: Path, statement: str, said: str
) -> None:
    with connect(database) as connection:
        connection.execute(statement.encode())
    with ScriptedServer() as server:
        pulling = _pulling(database, tmp_path, server)
        with pytest.raises(PermanentError, match=said):
            pulling.sync()
        assert not server.requests


@pytest.mark.parametrize(
    "name",
    [
        "select",
        "Order By",
        'say "hi"',
        "größe",
        "列",
        "a" * 63,
        "per%cent",
        "semi;colon",
        "{brace}",
        "$1",
        "x.y",
    ],
)
def test_every_legal_name_is_safe_as_key_column_and_table(
    database: DatabaseAddress, tmp_path: Path, name: str
) -> None:
    columns = {name: "id", "user": "name", "is gone": {"sql": "gone", "type": "boolean"}}
    table = name.replace(".", "_")
    with ScriptedServer() as server:
        records = [{"id": 1, "name": "Ann", "gone": False}, {"id": 2, "name": "Ben", "gone": False}]
        server.script(
            "/things", page_of(*records), page_of(records[0], {"id": 2, "gone": True}), page_of(records[0])
        )
        pulling = _pulling(
            database,
            tmp_path,
            server,
            columns=columns,
            target={"table": table, "key": name},
            deleted={"when": "gone", "set": {"is gone": True}},
            on_missing="deactivate",
            max_missing_share=0.5,
        )
        rows = [pulling.sync() for _ in range(3)]
    assert [(row["inserted"], row["deleted"], row["unchanged"]) for row in rows] == [
        (2, 0, 0),
        (0, 1, 1),
        (0, 0, 1),
    ]
    assert pulling.table(name, "user", "is gone") == {("1", "Ann", False), ("2", "Ben", True)}


def test_a_key_may_be_of_any_kind_that_has_one_order(database: DatabaseAddress, tmp_path: Path) -> None:
    columns = {"id": {"sql": "id", "type": "bigint"}, "name": "name"}
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 5, "name": "Ann"}), page_of({"id": "5", "name": "Anna"}))
        pulling = _pulling(database, tmp_path, server, columns=columns)
        assert [pulling.sync()["updated"] for _ in range(2)] == [0, 1]
    assert pulling.table("id", "name") == {(5, "Anna")}


def test_a_table_in_a_schema_of_its_own(database: DatabaseAddress, tmp_path: Path) -> None:
    with connect(database) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier("my crm")))
    with ScriptedServer() as server:
        server.script("/things", page_of({"id": 1, "name": "Ann"}))
        target = {"table": "my crm.the things", "key": "id"}
        pulling = _pulling(database, tmp_path, server, target=target)
        pulling.sync()
    assert pulling.table("id", "name") == {("1", "Ann")}
