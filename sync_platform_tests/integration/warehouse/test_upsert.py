from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, LiteralString

import pyarrow as pa
import pytest
from psycopg import sql

from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.tables import Column, ColumnType, TargetTable, ensure_table
from sync_platform.warehouse.tally import LoadCounts
from sync_platform.warehouse.upsert import BulkLoad
from sync_platform_tests.integration.warehouse.staged_rows import EPOCH, Row, load, staged
from sync_platform_tests.postgres import run

USERS = TargetTable("users", "external_id", (Column("external_id", "text"), Column("email", "text")))
LATER = EPOCH + timedelta(days=1)


def user(key: str, email: str | None = "a@example.com", at_s: int | None = 0, **row: Any) -> Row:
    return Row({"external_id": key, "email": email}, at_s, **row)


def counts(**given: int) -> LoadCounts:
    names = ("inserted", "updated", "unchanged", "stale", "duplicate", "deleted")
    outcomes = {name: given.get(name, 0) for name in names}
    staged_rows = sum(outcomes.values())
    return LoadCounts(staged=staged_rows, distinct=staged_rows - outcomes["duplicate"], **outcomes)


def test_new_rows_are_inserted_with_where_they_came_from(database: DatabaseAddress) -> None:
    rows = [user("1", original_id="1"), user("b", None, None)]
    assert load(database, USERS, rows, loaded_at=LATER).counts == counts(inserted=2)
    found = run(
        database, "select email, metadata, updated_at, source_updated_at, sync_id from users order by 1"
    )
    origin = {"source": "external-system", "synced_at": "2024-01-02T00:00:00.000000Z"}
    assert found == [
        ("a@example.com", origin | {"original_id": 1}, LATER, EPOCH, 1),
        (None, origin | {"original_id": "b"}, LATER, None, 1),
    ]


def test_only_rows_that_really_change_are_written(database: DatabaseAddress) -> None:
    load(database, USERS, [user("same"), user("changed"), user("touched"), user("emptied")])
    rows = [
        user("same"),
        user("changed", "b@", 1),
        user("touched", at_s=1),
        user("emptied", None, 1),
        user("new"),
    ]
    assert load(database, USERS, rows, sync_id=2, loaded_at=LATER).counts == counts(
        inserted=1, updated=3, unchanged=1
    )
    assert run(database, "select external_id, email, updated_at, sync_id from users order by 1") == [
        ("changed", "b@", LATER, 2),
        ("emptied", None, LATER, 2),
        ("new", "a@example.com", LATER, 2),
        ("same", "a@example.com", EPOCH, 1),
        ("touched", "a@example.com", LATER, 2),
    ]


def test_loading_the_same_rows_again_writes_next_to_nothing(database: DatabaseAddress) -> None:
    rows = [user(str(number), f"{number}@example.com", number) for number in range(20_000)]
    load(database, USERS, rows)
    with connect(database, autocommit=True) as connection:
        [before] = connection.execute("select pg_current_wal_lsn()").fetchone() or ()
        assert load(database, USERS, rows, sync_id=2).counts == counts(unchanged=20_000)
        query = "select pg_wal_lsn_diff(pg_current_wal_lsn(), %s)"
        [written_bytes] = connection.execute(query, [before]).fetchone() or ()
    assert written_bytes < 1_000_000


def test_a_row_never_replaces_a_newer_one(database: DatabaseAddress) -> None:
    cases = {str(case): case for case in product((5, None), (1, 2, 9), (4, 5, 6, None), (True, False))}
    for sync_id in (1, 2, 9):
        stored = [user(key, "old", at_s) for key, (at_s, by, _, _) in cases.items() if by == sync_id]
        load(database, USERS, stored, sync_id=sync_id)
    newer = [user(key, "old" if is_same else "new", at_s) for key, (_, _, at_s, is_same) in cases.items()]
    result = load(database, USERS, newer, sync_id=2)
    outcomes = {key: expected_outcome(*case) for key, case in cases.items()}
    assert result.counts == counts(**Counter(outcomes.values()))
    assert dict(run(database, "select external_id, email from users")) == {
        key: "new" if outcome == "updated" and not cases[key][3] else "old"
        for key, outcome in outcomes.items()
    }


def expected_outcome(
    stored_at_s: int | None, stored_sync: int, staged_at_s: int | None, is_same: bool
) -> str:
    """The rule of the load in words of its own; the loading sync's id is 2."""
    if is_same and stored_at_s == staged_at_s:
        return "unchanged"
    if stored_at_s is not None and staged_at_s is not None and stored_at_s != staged_at_s:
        return "updated" if staged_at_s > stored_at_s else "stale"
    return "updated" if stored_sync <= 2 else "stale"


@pytest.mark.parametrize("is_empty", [True, False], ids=["empty target", "target with rows"])
def test_of_duplicates_the_newest_wins_then_the_one_read_last(
    database: DatabaseAddress, is_empty: bool
) -> None:
    if not is_empty:
        load(database, USERS, [user("a", "old", -9), user("b", "old", -9), user("c", "old", None)])
    rows = [
        *(user("a", "1", 1), user("a", "3", 3), user("a", "2", 2)),
        *(user("b", "4", 4), user("b", "late", 4), user("b", "none", None)),
        *(user("c", "first", None), user("c", "last", None)),
    ]
    outcome = "inserted" if is_empty else "updated"
    assert load(database, USERS, rows, sync_id=2).counts == counts(duplicate=5, **{outcome: 3})
    assert run(database, "select email from users order by external_id") == [("3",), ("late",), ("last",)]


def test_duplicates_are_found_where_nobody_watched_the_keys(database: DatabaseAddress) -> None:
    with BulkLoad(database, USERS, sync_id=1, provenance="x") as bulk:
        bulk.stage(staged(USERS, [user("a", "old"), user("b"), user("a", "new", 1)]))
        assert bulk.merge(loaded_at=EPOCH).counts == counts(inserted=2, duplicate=1)
    assert run(database, "select email from users where external_id = 'a'") == [("new",)]


class Sure:
    """A watch that finds all keys distinct, as one does that sees bytes where `a` and `A` are equal."""

    are_distinct = True

    def add(self, keys: pa.ChunkedArray) -> None:
        """Look away."""


@pytest.mark.parametrize(
    ("column", "kind", "is_believed"),
    [
        ("text", "text", True),
        ("bigint", "bigint", True),
        ("varchar(9)", "text", True),
        ('text collate "C"', "text", True),
        ("text collate of_any_case", "text", False),
        ("double precision", "double precision", False),
        ("numeric", "numeric", False),
    ],
)
def test_a_watch_is_believed_only_where_equal_keys_have_equal_bytes(
    database: DatabaseAddress, column: LiteralString, kind: ColumnType, is_believed: bool
) -> None:
    # The embedded server has no ICU, whose collations alone may say so; the load reads just what they say.
    run(database, 'create collation of_any_case from "C"')
    run(database, "update pg_collation set collisdeterministic = false where collname = 'of_any_case'")
    run(database, f"create table own (id {column} primary key, name text)")
    own = TargetTable("own", "id", (Column("id", kind), Column("name", "text")))
    with connect(database) as connection:
        ensure_table(connection, own)
    key: Any = "1" if kind == "text" else 1
    rows = [
        Row({"id": key, "name": "old"}, original_id="1"),
        Row({"id": key, "name": "new"}, 1, original_id="1"),
    ]
    result = load(database, own, rows, watch=Sure())
    assert (len(result.rejected), result.counts.duplicate) == ((1, 0) if is_believed else (0, 1))


def test_a_row_that_was_set_aside_is_nobodys_duplicate(database: DatabaseAddress) -> None:
    rows = [user("a"), user("a", "nul \0", 1), user("b")]
    result = load(database, USERS, rows)
    assert (result.counts, len(result.rejected)) == (counts(inserted=2), 1)


@pytest.mark.parametrize(
    ("tombstone", "email", "at", "count"),
    [
        (user("a", "gone", 6, is_deleted=True), "gone", EPOCH + timedelta(seconds=6), "deleted"),
        (user("a", "gone", None, is_deleted=True), "gone", EPOCH + timedelta(seconds=5), "deleted"),
        (
            user("a", "a@example.com", 5, is_deleted=True),
            "a@example.com",
            EPOCH + timedelta(seconds=5),
            "deleted",
        ),
        (user("a", "gone", 4, is_deleted=True), "a@example.com", EPOCH + timedelta(seconds=5), "stale"),
    ],
)
def test_a_tombstone_sets_its_columns_of_a_known_row(
    database: DatabaseAddress, tombstone: Row, email: str, at: datetime, count: str
) -> None:
    table = TargetTable("users", "external_id", (*USERS.columns, Column("name", "text")))
    load(database, table, [Row({"external_id": "a", "email": "a@example.com", "name": "Ann"}, 5)])
    buried = Row({**tombstone.values, "name": "not set"}, tombstone.at_s, is_deleted=True)
    for sync_id in (2, 3):
        result = load(database, table, [buried], sync_id=sync_id, tombstone_columns=("email",))
        assert result.counts == counts(**{count: 1})
    assert run(database, "select email, name, source_updated_at from users") == [(email, "Ann", at)]
    assert run(database, "select max(sync_id) < 3 from users") == [(True,)]


@pytest.mark.parametrize("is_empty", [True, False], ids=["empty target", "target with rows"])
def test_a_tombstone_of_an_unknown_row_inserts_nothing(database: DatabaseAddress, is_empty: bool) -> None:
    if not is_empty:
        load(database, USERS, [user("known")])
    result = load(database, USERS, [user("b", is_deleted=True), user("c")], tombstone_columns=("email",))
    assert result.counts == counts(inserted=1, deleted=1)


def test_every_type_comes_back_as_it_was_and_unchanged(database: DatabaseAddress) -> None:
    table = TargetTable(
        'odd "table"',
        "order",
        (
            Column("order", "bigint"),
            Column('it\'s "quoted"', "text"),
            Column("größe", "double precision"),
            Column("a.b", "numeric"),
            Column("{brace}", "boolean"),
            Column("%s", "timestamptz"),
            Column("day", "date"),
            Column("more", "jsonb"),
        ),
    )
    values: list[tuple[Any, ...]] = [
        (
            1,
            "ü\n\t\\N🙂",
            0.1,
            Decimal("12345678901234567890.123456789"),
            True,
            LATER,
            date(1900, 1, 1),
            {"a": [1]},
        ),
        (
            2,
            "",
            float("inf"),
            Decimal("-0.5"),
            False,
            datetime(1, 1, 1, tzinfo=UTC),
            date(9999, 12, 31),
            None,
        ),
        (2**63 - 1, None, float("nan"), None, None, None, None, "text"),
    ]
    names = [column.name for column in table.columns]
    as_json = ['{"a": [1]}', None, '"text"']
    rows = [
        Row(dict(zip(names, (*row[:-1], json), strict=True)))
        for row, json in zip(values, as_json, strict=True)
    ]
    with connect(database) as connection:
        ensure_table(connection, table)
    assert load(database, table, rows).counts == counts(inserted=3)
    assert load(database, table, rows, sync_id=2).counts == counts(unchanged=3)
    found = run(database, 'select * from "odd ""table""" order by "order"')
    assert [repr(row[: len(names)]) for row in found] == [repr(row) for row in values]


def test_a_table_of_ones_own_with_varchar_collation_and_partitions_is_kept(database: DatabaseAddress) -> None:
    run(
        database,
        'create table own (id varchar(9) collate "C" primary key, name text collate "C")'
        " partition by hash (id);"
        "create table own_0 partition of own for values with (modulus 2, remainder 0);"
        "create table own_1 partition of own for values with (modulus 2, remainder 1)",
    )
    own = TargetTable("own", "id", (Column("id", "text"), Column("name", "text")))
    with connect(database) as connection:
        ensure_table(connection, own)
    rows = [Row({"id": str(number), "name": "x"}) for number in range(10)]
    assert load(database, own, rows).counts == counts(inserted=10)
    rows[3] = Row({"id": "3", "name": "y"}, 1)
    assert load(database, own, rows, sync_id=2).counts == counts(updated=1, unchanged=9)


def test_an_empty_load_changes_nothing(database: DatabaseAddress) -> None:
    assert load(database, USERS, []).counts == counts()


def test_a_load_that_is_left_before_its_merge_leaves_nothing(database: DatabaseAddress) -> None:
    with BulkLoad(database, USERS, sync_id=1, provenance="x") as bulk:
        bulk.stage(staged(USERS, [user("a")]))
    assert run(database, "select count(*) from users") == [(0,)]


def test_two_loads_at_once_both_balance_and_the_later_sync_wins(database: DatabaseAddress) -> None:
    def sync(sync_id: int) -> LoadCounts:
        return load(database, USERS, [user(str(k), f"{sync_id}") for k in range(500)], sync_id=sync_id).counts

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(sync, [4, 1, 3, 2]))
    assert sum(one.inserted for one in found) == 500
    assert run(database, "select distinct email, sync_id from users") == [("4", 4)]


def test_a_lost_connection_writes_nothing_and_may_be_tried_again(database: DatabaseAddress) -> None:
    with BulkLoad(database, USERS, sync_id=1, provenance="x") as bulk:
        bulk.stage(staged(USERS, [user("a")]))
        run(
            database,
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()",
        )
        with pytest.raises(RetryableError, match="connection to Postgres was lost while loading into users"):
            bulk.merge(loaded_at=EPOCH)
    assert load(database, USERS, [user("a")]).counts == counts(inserted=1)


def test_a_database_that_is_gone_may_be_tried_again(database: DatabaseAddress) -> None:
    with pytest.raises(RetryableError, match="database does not exist"):
        load(database.with_database("nowhere"), USERS, [])


def test_a_missing_privilege_is_told_and_writes_nothing(database: DatabaseAddress) -> None:
    guest = f"guest_{database.database}"
    with connect(database) as connection:
        create = sql.SQL("create role {0}; grant select, update on users to {0}")
        connection.execute(create.format(sql.Identifier(guest)))
    try:
        with pytest.raises(PermanentError, match="the user lacks a privilege there"):
            load(database.with_defaults(options=f"-c role={guest}"), USERS, [user("a")])
    finally:
        with connect(database) as connection:
            connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(guest)))
    assert run(database, "select count(*) from users") == [(0,)]


def test_a_read_only_database_is_told(database: DatabaseAddress) -> None:
    standby = database.with_defaults(options="-c default_transaction_read_only=on")
    with pytest.raises(PermanentError, match="the database is read-only"):
        load(standby, USERS, [user("a")])
