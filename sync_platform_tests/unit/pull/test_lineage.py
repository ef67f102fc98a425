"""Which of a record's values each column comes from."""

import pytest

from sync_platform.pull.lineage import key_roots, names_in, roots_of, top_level_names
from sync_platform_tests.fake_users_api import users_spec


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("email", ("email",)),
        ("lower(email)", ("email",)),
        ("concat_ws(' ', first_name, last_name)", ("first_name", "last_name")),
        ("CASE WHEN active THEN 'active' ELSE 'inactive' END", ("active",)),
        ("concat_ws('-', id, id)", ("id",)),
        ("'person'", ()),
        ('"odd name"', ("odd name",)),
    ],
)
def test_the_names_that_an_expression_reads_each_once(sql: str, names: tuple[str, ...]) -> None:
    assert names_in(sql) == names


def test_the_seeds_columns_are_traced_to_their_fields() -> None:
    spec = users_spec()
    assert {column: set(roots) for column, roots in roots_of(spec).items()} == {
        "external_id": {"id"},
        "email": {"email"},
        "name": {"first_name", "last_name"},
        "status": {"active"},
    }
    assert key_roots(spec) == ("id",)


def test_every_name_that_a_sync_reads_is_listed_once_the_cursor_included() -> None:
    names = top_level_names(users_spec())
    assert len(set(names)) == len(names)
    assert set(names) == {"id", "email", "first_name", "last_name", "active", "updated_at"}
