from typing import LiteralString

import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.tables import Column, TargetTable, ensure_table
from sync_platform_tests.postgres import run

USERS = TargetTable(
    "users", "external_id", tuple(Column(name, "text") for name in ("external_id", "email", "name"))
)
EVERY_TYPE = TargetTable(
    'odd "table"',
    "order",
    (
        Column("order", "text"),
        Column('it\'s "quoted"', "bigint"),
        Column("größe", "double precision"),
        Column("a.b", "numeric"),
        Column("{brace}", "boolean"),
        Column("%s", "timestamptz"),
        Column("day", "date"),
        Column("more", "jsonb"),
    ),
)


def ensure(address: DatabaseAddress, table: TargetTable) -> None:
    with connect(address) as connection:
        ensure_table(connection, table)


def columns_of(address: DatabaseAddress, table: TargetTable) -> list[object]:
    with connect(address) as connection:
        query = (
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum"
        )
        return [name for (name,) in connection.execute(query, [table.identifier.as_string()])]


def test_a_missing_table_is_created_with_the_platforms_columns_and_a_rerun_does_nothing(
    database: DatabaseAddress,
) -> None:
    ensure(database, EVERY_TYPE)
    ensure(database, EVERY_TYPE)
    declared = [column.name for column in EVERY_TYPE.columns]
    assert columns_of(database, EVERY_TYPE) == [
        *declared,
        "metadata",
        "updated_at",
        "source_updated_at",
        "sync_id",
    ]


def test_the_shipped_users_table_fits_as_it_is(database: DatabaseAddress) -> None:
    before = columns_of(database, USERS)
    ensure(database, USERS)
    assert columns_of(database, USERS) == before


def test_a_table_is_widened_by_what_it_lacks_and_keeps_its_rows(database: DatabaseAddress) -> None:
    run(database, "create schema own; create table own.people (id text unique, note text)")
    run(database, "insert into own.people values ('a', 'kept')")
    people = TargetTable("own.people", "id", (Column("id", "text"), Column("seats", "bigint")))
    ensure(database, people)
    assert columns_of(database, people)[:3] == ["id", "note", "seats"]
    assert run(database, "select id, note, seats, sync_id, updated_at <= now() from own.people") == [
        ("a", "kept", None, 0, True)
    ]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("create table own (id integer primary key)", "column id is integer, the sync declares text"),
        ("create table own (id text)", "no primary key or unique index of its own"),
        (
            "create table own (id text, tenant text, primary key (id, tenant))",
            "no primary key or unique index",
        ),
        (
            "create table own (id text); create unique index on own (id) where id > ''",
            "no primary key or unique",
        ),
        (
            "create table own (id text); create unique index on own (lower(id))",
            "no primary key or unique index",
        ),
        ("create table own (id text unique deferrable)", "no primary key or unique index"),
        ("create table own (id text primary key, tenant text not null)", "column tenant may not be null"),
        ("create view own as select 'a'::text as id", "own is not a table"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_before_anything_is_written(
    database: DatabaseAddress, statement: LiteralString, reason: str
) -> None:
    run(database, statement)
    own = TargetTable("own", "id", (Column("id", "text"), Column("added", "text")))
    before = columns_of(database, own)
    with pytest.raises(PermanentError, match=reason):
        ensure(database, own)
    assert columns_of(database, own) == before


def test_a_missing_schema_or_privilege_is_refused_in_words(database: DatabaseAddress) -> None:
    with pytest.raises(PermanentError, match=r"nowhere\.people: InvalidSchemaName"):
        ensure(database, TargetTable("nowhere.people", "id", (Column("id", "text"),)))
    with connect(database) as connection:
        connection.execute("create role guest; grant usage on schema public to guest; set role guest")
        with pytest.raises(PermanentError, match="the user lacks a privilege there"):
            ensure_table(connection, TargetTable("public.people", "id", (Column("id", "text"),)))
        connection.rollback()
