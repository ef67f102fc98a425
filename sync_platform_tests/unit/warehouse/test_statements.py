from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse import statements
from sync_platform.warehouse.statements import composed, statement


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "sync").mkdir()
    statements.sql_folder.cache_clear()
    statements.statement.cache_clear()
    monkeypatch.setattr(statements, "SQL_FOLDERS", (tmp_path / "nowhere", tmp_path))
    yield tmp_path
    statements.sql_folder.cache_clear()
    statements.statement.cache_clear()


def test_a_statement_is_read_by_its_name() -> None:
    assert "create table users" in statement("migrations/0001_create_users")


def test_an_unknown_statement_is_refused_by_name() -> None:
    with pytest.raises(PermanentError, match="no statement sync/nonsense"):
        statement("sync/nonsense")


def test_identifiers_are_quoted_into_a_statement_and_values_stay_bound(own_folder: Path) -> None:
    (own_folder / "sync/count.sql").write_text("select count({column}) from {table} where id = %(id)s {more}")
    text = composed("sync/count", table='odd."name', column="order", more=sql.SQL("limit 1")).as_string(None)
    assert text == 'select count("order") from "odd"."""name" where id = %(id)s limit 1'


def test_an_installation_without_sql_says_so(own_folder: Path) -> None:
    (own_folder / "migrations").rmdir()
    with pytest.raises(PermanentError, match="sql/ folder is missing"):
        statement("sync/count")
