import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.staging import staging_schema
from sync_platform.warehouse.tables import Column, ColumnType, TargetTable, disagreement

TABLE = TargetTable(
    "users", "id", (Column("id", "text"), Column("seats", "bigint"), Column("at", "timestamptz"))
)
FITTING = {
    "id": ("text", True),
    "seats": ("bigint", False),
    "at": ("timestamp with time zone", False),
    "updated_at": ("timestamp with time zone", True),
}


@pytest.mark.parametrize(
    ("stored", "unique_keys", "complaint"),
    [
        (FITTING, {"id"}, None),
        (FITTING | {"id": ("character varying(20)", True)}, {"id"}, None),
        (FITTING | {"own": ("text", False)}, {"id"}, None),
        (FITTING | {"id": ("character(20)", True)}, {"id"}, "column id is character"),
        (
            FITTING | {"seats": ("integer", False)},
            {"id"},
            "column seats is integer, the sync declares bigint",
        ),
        (FITTING | {"at": ("timestamp without time zone", False)}, {"id"}, "column at is timestamp without"),
        (FITTING | {"sync_id": ("text", False)}, {"id"}, "column sync_id is text"),
        (FITTING | {"metadata": ("json", False)}, {"id"}, "column metadata is json"),
        (FITTING, set(), "its key id has no primary key or unique index"),
        (FITTING | {"tenant": ("text", True)}, {"id"}, "column tenant may not be null"),
    ],
)
def test_an_existing_table_is_taken_or_refused_for_a_reason(
    stored: dict[str, tuple[str, bool]], unique_keys: set[str], complaint: str | None
) -> None:
    found = disagreement(TABLE, stored, unique_keys)
    assert (found is None) if complaint is None else (found is not None and complaint in found)


@pytest.mark.parametrize(
    ("name", "key", "columns", "reason"),
    [
        ("users", "key", (("id", "text"),), "key is not one of its columns"),
        ("users", "id", (("id", "text"), ("id", "text")), "twice"),
        ("users", "id", (("id", "text"), ("sync_id", "bigint")), "platform's own"),
        ("users", "id", (("id", "money"),), "has the type money; use one of text"),
        ("users", "id" * 32, (("id" * 32, "text"),), "longer than Postgres' 63 bytes"),
        ("ü" * 32, "id", (("id", "text"),), "longer than Postgres' 63 bytes"),
        ("", "id", (("id", "text"),), "empty name"),
        ("schema.", "id", (("id", "text"),), "empty name"),
        ("us\0ers", "id", (("id", "text"),), "NUL"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(
    name: str, key: str, columns: tuple[tuple[str, ColumnType], ...], reason: str
) -> None:
    with pytest.raises(PermanentError, match=reason):
        TargetTable(name, key, tuple(Column(*column) for column in columns))


def test_a_column_name_that_staging_needs_is_refused() -> None:
    table = TargetTable("books", "id", (Column("id", "text"), Column("_place", "bigint")))
    with pytest.raises(PermanentError, match="a column cannot be called _place"):
        staging_schema(table)
