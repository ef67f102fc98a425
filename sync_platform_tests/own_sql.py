"""SQL files of a test's own beside the shipped ones, where YAML finds them by name."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync_platform.warehouse import statements

WriteSql = Callable[..., None]


@pytest.fixture
def write_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteSql]:
    """A function that writes `sql/<room>/<name>.sql` for each of its named texts."""
    folder = tmp_path / "own_sql"
    shutil.copytree(statements.sql_folder(), folder)
    statements.sql_folder.cache_clear()
    statements.statement.cache_clear()
    monkeypatch.setattr(statements, "SQL_FOLDERS", (folder,))

    def write(room: str, **texts: str) -> None:
        (folder / room).mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / room / f"{name}.sql").write_text(text, encoding="utf-8")
        statements.statement.cache_clear()

    yield write
    statements.sql_folder.cache_clear()
    statements.statement.cache_clear()
