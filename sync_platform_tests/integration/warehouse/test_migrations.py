from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from sync_platform.vocabulary import PermanentError, SchemaError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.migrations import migrate, migrations, require_current_schema
from sync_platform_tests.postgres import fresh_database, run

CONTRACT = {
    "users": "external_id email name status metadata updated_at source_updated_at sync_id",
    "sync_logs": (
        "id sync_id status records_processed pages duration_seconds errors completed_at created_at"
        " source sync_type started_at window_since window_until proof pages_queued seen inserted updated"
        " unchanged stale duplicate outside_window deleted quarantined queued expected distinct"
    ),
    "sync_metadata": "key value updated_at",
    "sync_retry_queue": (
        "id sync_id page batch_num error status created_at"
        " source kind payload attempts next_attempt_at updated_at"
    ),
    "sync_quarantine": "id sync_id source page external_id reason record created_at resolved_at",
}


@pytest.fixture
def empty(server: DatabaseAddress) -> Iterator[DatabaseAddress]:
    with fresh_database(server, template="template0") as address:
        yield address


def test_an_empty_database_is_migrated_once(empty: DatabaseAddress) -> None:
    with pytest.raises(SchemaError, match="Run `sync-platform migrate`"):
        require_current_schema(empty)
    assert migrate(empty) == tuple(one.name for one in migrations())
    assert migrate(empty) == ()
    require_current_schema(empty)


def test_concurrent_migrations_apply_each_file_once(empty: DatabaseAddress) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = [name for names in threads.map(migrate, [empty] * 4) for name in names]
    assert applied == [one.name for one in migrations()]


def test_the_tables_have_the_columns_of_the_contract(database: DatabaseAddress) -> None:
    found = run(database, "select table_name, column_name from information_schema.columns")
    for table, columns in CONTRACT.items():
        assert {(table, column) for column in columns.split()} <= set(found)


def test_a_newer_schema_and_an_edited_migration_are_refused(database: DatabaseAddress) -> None:
    run(database, "update sync_platform_migrations set checksum = 'x' where name like '0001%'")
    with pytest.raises(SchemaError, match="0001_create_users was edited"):
        require_current_schema(database)
    run(database, "insert into sync_platform_migrations values ('9999_add_future', 'x')")
    with pytest.raises(SchemaError, match="newer than this code: it has 9999_add_future"):
        migrate(database)


def test_a_table_in_the_way_is_named_and_nothing_is_half_made(empty: DatabaseAddress) -> None:
    run(empty, "create table sync_logs (mine text)")
    with pytest.raises(PermanentError, match="would create a table that exists already"):
        migrate(empty)
    assert run(empty, "select name from sync_platform_migrations") == [("0001_create_users",)]
    run(empty, "drop table sync_logs")
    assert len(migrate(empty)) == len(migrations()) - 1


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("sync_logs", {"sync_type": "full", "status": "ok", "started_at": "now"}),
        ("sync_logs", {"sync_type": "partial", "status": "failed", "started_at": "now"}),
        ("sync_logs", {"sync_type": "full", "status": "failed", "started_at": "now", "errors": "{}"}),
        ("sync_retry_queue", {"kind": "page", "payload": "{}", "status": "new"}),
    ],
)
def test_a_status_outside_of_the_contract_is_refused(
    database: DatabaseAddress, table: str, values: dict[str, str]
) -> None:
    values = {"sync_id": "1", "source": "users"} | values
    insert = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    with connect(database) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert, values)


def test_an_open_quarantined_record_stands_once_and_keyless_ones_stand_apart(
    database: DatabaseAddress,
) -> None:
    with connect(database) as connection:
        for external_id, reason, record in [
            ("a", "no email", b"1"),
            ("a", "no email", b"2"),
            ("a", "no name", b"2"),
            (None, "no key", b"3"),
            (None, "no key", b"3"),
            (None, "no key", b"4"),
            ("k" * 10_000, "no email", b"5"),
        ]:
            connection.execute(
                "insert into sync_quarantine (sync_id, source, external_id, reason, record)"
                " values (1, 'users', %s, %s, %s)"
                " on conflict (source, record_identity, reason) where resolved_at is null"
                " do update set record = excluded.record",
                [external_id, reason, record],
            )
        found = connection.execute(
            "select left(external_id, 1), reason, record from sync_quarantine order by id",
        )
        assert found.fetchall() == [
            ("a", "no email", b"2"),
            ("a", "no name", b"2"),
            (None, "no key", b"3"),
            (None, "no key", b"4"),
            ("k", "no email", b"5"),
        ]
