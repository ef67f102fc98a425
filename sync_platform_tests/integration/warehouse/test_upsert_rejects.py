from typing import LiteralString

import pyarrow as pa
import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse import upsert
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.merge_sql import PART_ROWS
from sync_platform.warehouse.tables import Column, TargetTable, ensure_table
from sync_platform.warehouse.tally import LoadResult, RejectedRow
from sync_platform.warehouse.upsert import BulkLoad
from sync_platform_tests.integration.warehouse.staged_rows import EPOCH, Row, load, staged
from sync_platform_tests.postgres import run

OWN = TargetTable("own", "id", (Column("id", "text"), Column("email", "text"), Column("more", "jsonb")))
STRICT: LiteralString = """
create table own (
    id varchar(8) primary key,
    email varchar(20) not null unique check (email <> 'bad'),
    more jsonb check (jsonb_typeof(more) = 'object')
)
"""


@pytest.fixture(params=[True, False], ids=["empty target", "target with rows"])
def strict(database: DatabaseAddress, request: pytest.FixtureRequest) -> DatabaseAddress:
    run(database, STRICT)
    with connect(database) as connection:
        ensure_table(connection, OWN)
    if not request.param:
        load(database, OWN, [good(number) for number in (0, 299)], sync_id=0)
    return database


def good(number: int) -> Row:
    return Row({"id": str(number), "email": f"{number}@", "more": "{}"})


def load_among_good_ones(address: DatabaseAddress, *guilty: Row) -> LoadResult:
    rows = [good(number) for number in range(300)]
    for place, row in enumerate(guilty):
        rows[150 + place] = row
    return load(address, OWN, rows)


def bad(
    key: str, email: str | None = "fine@", more: str | None = None, original_id: str | None = None
) -> Row:
    return Row({"id": key, "email": email, "more": more}, original_id=original_id)


REFUSED = [
    (bad("a", "bad"), "CheckViolation of constraint own_email_check (23514)"),
    (bad("b", None), "NotNullViolation in column email (23502)"),
    (bad("c", "e" * 21), "StringDataRightTruncation (22001)"),
    (bad("d" * 9), "StringDataRightTruncation (22001)"),
    (bad("e", more="[]"), "CheckViolation of constraint own_more_check (23514)"),
    (bad("f", "7@"), "UniqueViolation of constraint own_email_key (23505)"),
    (bad("g", more="{"), "InvalidTextRepresentation in column more (22P02)"),
    (bad("h", more='"\\u0000"'), "InvalidTextRepresentation in column more (22P02)"),
    (bad("i", original_id="nope"), "InvalidTextRepresentation in column _original_id (22P02)"),
    (bad("j", "a\0b"), "CharacterNotInRepertoire (22021)"),
]


def test_rows_that_postgres_refuses_are_named_and_the_others_are_loaded(strict: DatabaseAddress) -> None:
    result = load_among_good_ones(strict, *(row for row, _ in REFUSED))
    assert sorted(result.rejected, key=lambda row: row.place) == [
        RejectedRow(150 + place, row.values["id"], reason) for place, (row, reason) in enumerate(REFUSED)
    ]
    assert result.counts.staged == 290
    assert run(strict, "select count(*) from own") == [(290,)]


@pytest.mark.parametrize("place", [0, 4, 6], ids=["check", "json check", "invalid json"])
def test_one_bad_row_costs_one_row(strict: DatabaseAddress, place: int) -> None:
    row, reason = REFUSED[place]
    result = load_among_good_ones(strict, row)
    assert [refused.reason for refused in result.rejected] == [reason]
    assert run(strict, "select count(*) from own") == [(299,)]


def test_several_guilty_rows_are_all_found(strict: DatabaseAddress) -> None:
    result = load_among_good_ones(strict, *(bad(f"x{place}", "bad") for place in range(20)))
    assert [row.place for row in result.rejected] == list(range(150, 170))
    assert run(strict, "select count(*) from own") == [(280,)]


def test_guilty_rows_at_the_edges_of_the_parts_are_all_found(strict: DatabaseAddress) -> None:
    rows = [good(number) for number in range(2 * PART_ROWS + 2)]
    guilty = [0, PART_ROWS - 1, PART_ROWS, PART_ROWS + 1, 2 * PART_ROWS, 2 * PART_ROWS + 1]
    for place in guilty:
        rows[place] = bad(f"x{place}", "bad")
    result = load(strict, OWN, rows)
    assert [row.place for row in result.rejected] == guilty
    assert result.counts.staged == len(rows) - len(guilty)


def test_a_guilty_update_leaves_the_row_as_it_was(strict: DatabaseAddress) -> None:
    load(strict, OWN, [good(0), good(1)])
    changed = [
        Row({"id": "0", "email": "bad", "more": "{}"}, 1),
        Row({"id": "1", "email": "new", "more": "{}"}, 1),
    ]
    result = load(strict, OWN, changed, sync_id=2)
    assert [row.key for row in result.rejected] == ["0"]
    assert result.counts.updated == 1
    assert run(strict, "select id, email from own where id in ('0', '1') order by 1") == [
        ("0", "0@"),
        ("1", "new"),
    ]


def test_a_key_too_long_for_an_index_is_rejected(database: DatabaseAddress) -> None:
    table = TargetTable("users", "external_id", (Column("external_id", "text"),))
    long_key = "".join(chr(33 + (number * number) % 8000) for number in range(9_000))
    result = load(database, table, [Row({"external_id": "a"}), Row({"external_id": long_key})])
    assert [row.reason for row in result.rejected] == ["ProgramLimitExceeded (54000)"]
    assert result.counts.inserted == 1


def test_rows_without_a_key_are_rejected_each(strict: DatabaseAddress) -> None:
    rows = [
        Row({"id": None, "email": "x@", "more": None}),
        good(3),
        Row({"id": None, "email": "y@", "more": None}),
    ]
    with BulkLoad(strict, OWN, sync_id=1, provenance="x") as bulk:
        bulk.stage(staged(OWN, rows))
        result = bulk.merge(loaded_at=EPOCH)
    reason = "NotNullViolation in column id (23502)"
    assert result.rejected == (RejectedRow(0, None, reason), RejectedRow(2, None, reason))
    assert result.counts.staged == 1


def test_bytes_that_are_not_utf8_are_rejected(strict: DatabaseAddress) -> None:
    rows = staged(OWN, [good(1), good(2)])
    broken = pa.array([b"\xed\xa0\x80", b"fine@"]).view(pa.string())
    with BulkLoad(strict, OWN, sync_id=1, provenance="x") as bulk:
        bulk.stage(rows.set_column(rows.column_names.index("email"), "email", broken))
        result = bulk.merge(loaded_at=EPOCH)
    assert [(row.key, row.reason) for row in result.rejected] == [("1", "CharacterNotInRepertoire (22021)")]


def test_too_many_refused_rows_fail_the_load_and_write_nothing(
    strict: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "MAX_REJECTED_ROWS", 3)
    before = run(strict, "select count(*) from own")
    with pytest.raises(PermanentError, match="more than 3 rows for own, at last for CheckViolation"):
        load_among_good_ones(strict, *(bad(f"x{place}", "bad") for place in range(4)))
    assert run(strict, "select count(*) from own") == before
