"""Rows compared with the target before they are staged: the same account and table, for less work."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import pytest

from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.tables import Column, ColumnType, TargetTable, ensure_table
from sync_platform.warehouse.tally import LoadCounts
from sync_platform.warehouse.upsert import BulkLoad, UnstorableRowError
from sync_platform_tests.integration.warehouse.staged_rows import EPOCH, Row, load, merge_unknown, staged
from sync_platform_tests.postgres import run

USERS = TargetTable("users", "external_id", (Column("external_id", "text"), Column("email", "text")))
TERMINATE: LiteralString = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
WAITS_FOR_USERS: LiteralString = """
select from pg_locks where relation = 'users'::regclass and not granted
"""
VALUES: dict[ColumnType, list[Any]] = {
    "text": ["", " ", "a", "A", "ä", "a\u0308", "\U0001f600", "x" * 5_000, None],
    "bigint": [0, -1, 2**63 - 1, -(2**63), None],
    "double precision": [0.0, 0.1, -1e308, 5e-324, float("inf"), float("-inf"), None],
    "boolean": [True, False, None],
    "timestamptz": [EPOCH, datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 1, 2, 3, 456789, UTC), None],
    "date": [date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31), None],
}


def user(key: str, email: str | None = "a@", at_s: int | None = 0, **row: Any) -> Row:
    return Row({"external_id": key, "email": email}, at_s, **row)


def bulk_load(database: DatabaseAddress, table: TargetTable, sync_id: int = 2) -> BulkLoad:
    return BulkLoad(database, table, sync_id=sync_id, provenance="external-system")


def compared(
    database: DatabaseAddress, table: TargetTable, rows: Sequence[Row], *, sync_id: int = 2
) -> tuple[LoadCounts, int]:
    """Load the rows in batches of three; return the account, and how many batches were looked at again."""
    whole = staged(table, rows)
    batches = [whole.slice(start, 3) for start in range(0, whole.num_rows, 3)]
    with bulk_load(database, table, sync_id) as bulk:
        assert bulk.can_compare()
        result, looked_at = merge_unknown(bulk, table, batches)
        return result.counts, looked_at


def test_what_is_known_is_counted_and_never_looked_at_again(database: DatabaseAddress) -> None:
    rows = [user(str(number), f"{number}@", number) for number in range(20)]
    load(database, USERS, rows)
    found, looked_at = compared(database, USERS, rows[::-1])
    assert (found.unchanged, found.staged, found.distinct, looked_at) == (20, 20, 20, 0)


def test_only_what_really_differs_is_written(database: DatabaseAddress) -> None:
    before = [
        user(key, at_s=at_s) for key, at_s in [("same", 5), ("newer", 9), ("changed", 1), ("touched", 1)]
    ]
    load(database, USERS, [*before, user("gone"), user("no time", at_s=None)])
    rows = [
        user("new", None),
        user("same", at_s=5),
        user("newer", at_s=8),
        user("changed", None),
        user("touched", at_s=2),
        user("gone", is_deleted=True),
        user("unknown", is_deleted=True),
        user("no time", at_s=None),
    ]
    found, _ = compared(database, USERS, rows)
    assert (found.staged, found.distinct) == (8, 8)
    assert (found.inserted, found.updated, found.unchanged, found.stale, found.deleted) == (1, 1, 2, 2, 2)


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_a_type_are_known_again_and_each_change_of_one_is_seen(
    database: DatabaseAddress, kind: ColumnType
) -> None:
    table = TargetTable("things", "id", (Column("id", "bigint"), Column("value", kind)))
    with connect(database) as connection:
        ensure_table(connection, table)
    rows = [Row({"id": number, "value": value}) for number, value in enumerate(VALUES[kind])]
    load(database, table, rows)
    assert compared(database, table, rows)[0].unchanged == len(rows)
    moved = [
        replace(row, values={**row.values, "value": other.values["value"]})
        for row, other in zip(rows, rows[1:] + rows[:1], strict=True)
    ]
    assert compared(database, table, moved, sync_id=3)[0].updated == len(rows)
    assert dict(run(database, "select id, value from things")) == {
        row.values["id"]: row.values["value"] for row in moved
    }


def test_zeros_of_either_sign_and_no_numbers_are_as_equal_as_postgres_says(database: DatabaseAddress) -> None:
    table = TargetTable("things", "id", (Column("id", "bigint"), Column("value", "double precision")))
    with connect(database) as connection:
        ensure_table(connection, table)
    values = (0.0, float("nan"))
    load(database, table, [Row({"id": number, "value": value}) for number, value in enumerate(values)])
    rows = [Row({"id": number, "value": -value}) for number, value in enumerate(values)]
    assert compared(database, table, rows)[0].unchanged == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("timestamptz", "infinity"),
        ("timestamptz", "-infinity"),
        ("timestamptz", "4713-01-01 00:00:00+00 BC"),
        ("timestamptz", "294276-12-31 23:59:59+00"),
        ("date", "infinity"),
        ("date", "-infinity"),
        ("date", "4713-01-01 BC"),
        ("date", "5874897-12-31"),
    ],
)
def test_a_value_that_only_postgres_can_hold_is_replaced_by_the_sources(
    database: DatabaseAddress, kind: ColumnType, value: str
) -> None:
    table = TargetTable("things", "id", (Column("id", "bigint"), Column("value", kind)))
    with connect(database) as connection:
        ensure_table(connection, table)
    rows = [Row({"id": number, "value": VALUES[kind][0]}) for number in range(3)]
    load(database, table, rows)
    with connect(database) as connection:
        connection.execute("update things set value = %s where id = 1", [value])
    found, _ = compared(database, table, rows)
    assert (found.updated, found.unchanged) == (1, 2)


def test_where_a_key_comes_twice_postgres_says_which_row_holds(database: DatabaseAddress) -> None:
    load(database, USERS, [user("a", "old@"), user("b"), user("c")])
    rows = [user("a", "new@"), user("b"), user("c"), user("a", "old@")]
    found, _ = compared(database, USERS, rows)
    assert (found.updated, found.unchanged, found.duplicate, found.distinct) == (0, 3, 1, 3)
    assert set(run(database, "select email from users where external_id = 'a'")) == {("old@",)}


def test_rows_without_a_key_are_rejected(database: DatabaseAddress) -> None:
    load(database, USERS, [user("a"), user("b")])
    rows = [user("a"), Row({"external_id": None, "email": "a@"}, original_id="1"), user("b", "new@")]
    with bulk_load(database, USERS) as bulk:
        result, _ = merge_unknown(bulk, USERS, [staged(USERS, rows)])
    assert (result.counts.unchanged, result.counts.updated, result.counts.staged) == (1, 1, 2)
    assert [(row.place, row.key) for row in result.rejected] == [(1, None)]


def test_a_row_that_cannot_be_stored_ends_the_merge_and_writes_nothing(database: DatabaseAddress) -> None:
    load(database, USERS, [user("a"), user("b")])
    rows = [user("a", "new@"), user("b", "\0")]
    with bulk_load(database, USERS) as bulk, pytest.raises(UnstorableRowError):
        merge_unknown(bulk, USERS, [staged(USERS, rows)])
    assert set(run(database, "select email from users")) == {("a@",)}


def test_a_target_with_many_more_rows_is_left_to_postgres(database: DatabaseAddress) -> None:
    load(database, USERS, [user(str(number)) for number in range(100)])
    found, looked_at = compared(database, USERS, [user("1"), user("2", "new@"), user("x")])
    assert (found.inserted, found.updated, found.unchanged, looked_at) == (1, 1, 1, 1)


def test_what_another_writer_commits_before_the_look_is_seen_and_after_it_must_wait(
    database: DatabaseAddress,
) -> None:
    load(database, USERS, [user("a"), user("b"), user("c")])
    with connect(database) as writer, connect(database, autocommit=True) as watcher:
        writer.execute("update users set email = 'theirs@' where external_id = 'a'")
        writer.execute("delete from users where external_id = 'b'")
        with ThreadPoolExecutor() as pool:
            coming = pool.submit(compared, database, USERS, [user("a"), user("b"), user("c")])
            while watcher.execute(WAITS_FOR_USERS).fetchone() is None:
                assert not coming.done()
            writer.commit()
            found, _ = coming.result()
    assert (found.inserted, found.updated, found.unchanged) == (1, 1, 1)
    assert set(run(database, "select external_id, email from users")) == {
        ("a", "a@"),
        ("b", "a@"),
        ("c", "a@"),
    }


def test_a_table_is_compared_only_where_equal_rows_are_equal_bytes(database: DatabaseAddress) -> None:
    shapes: list[tuple[ColumnType, ColumnType]] = [
        ("bigint", "jsonb"),
        ("bigint", "numeric"),
        ("double precision", "date"),
        ("bigint", "date"),
    ]
    tables = [
        TargetTable(f"with_{key}_{kind}", "id", (Column("id", key), Column("value", kind)))
        for key, kind in shapes
    ]
    answers = []
    for table in tables:
        with connect(database) as connection:
            ensure_table(connection, table)
        with bulk_load(database, table) as bulk:
            answers.append(bulk.can_compare())
        load(database, table, [Row({"id": 1, "value": None})])
        with bulk_load(database, table) as bulk:
            answers.append(bulk.can_compare())
    assert answers == 7 * [False] + [True], "an empty one has nothing to compare with"


def test_a_connection_lost_while_the_target_is_read_is_retryable(database: DatabaseAddress) -> None:
    load(database, USERS, [user("a")])
    with bulk_load(database, USERS) as bulk:
        run(database, TERMINATE)
        with pytest.raises(RetryableError, match="lost while loading into users"):
            merge_unknown(bulk, USERS, [staged(USERS, [user("a")])])


def test_rows_that_lack_a_column_are_refused_by_its_name(database: DatabaseAddress) -> None:
    load(database, USERS, [user("a")])
    with bulk_load(database, USERS) as bulk, pytest.raises(PermanentError, match="no column email"):
        merge_unknown(bulk, USERS, [staged(USERS, [user("a")]).drop_columns(["email"])])
