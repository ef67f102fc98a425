import pytest

from sync_platform.vocabulary import SchemaError
from sync_platform.warehouse.migrations import Migration, migrations, pending_migrations

FIRST = Migration("0001_create_a", "create table a ()", "aa")
SECOND = Migration("0002_create_b", "create table b ()", "bb")
KNOWN = (FIRST, SECOND)


@pytest.mark.parametrize(
    ("applied", "pending"),
    [
        ({}, KNOWN),
        ({"0001_create_a": "aa"}, (SECOND,)),
        ({"0002_create_b": "bb"}, (FIRST,)),
        ({"0001_create_a": "aa", "0002_create_b": "bb"}, ()),
    ],
)
def test_what_is_missing_is_pending(applied: dict[str, str], pending: tuple[Migration, ...]) -> None:
    assert pending_migrations(KNOWN, applied) == pending


@pytest.mark.parametrize(
    ("applied", "reason"),
    [
        ({"0001_create_a": "aa", "0003_create_c": "cc"}, "newer than this code: it has 0003_create_c"),
        ({"0001_create_a": "changed"}, "0001_create_a was edited after it was applied"),
    ],
)
def test_a_database_that_disagrees_is_refused_and_names_migrate(applied: dict[str, str], reason: str) -> None:
    with pytest.raises(SchemaError, match=reason) as refused:
        pending_migrations(KNOWN, applied)
    assert "sync-platform migrate" in str(refused.value)


def test_the_shipped_migrations_are_in_the_order_of_their_numbers() -> None:
    numbers = [int(one.name[:4]) for one in migrations()]
    assert numbers == sorted(set(numbers))
