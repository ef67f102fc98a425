"""SQL files of a test's own, beside those of the platform: `sql/wf/NAME.sql` in a temporary folder.

Here belongs only where statements are found; what they say is each test's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sync_platform.warehouse import statements

FOLDER = "wf"


@contextmanager
def statements_in(folder: Path) -> Iterator[None]:
    """Let the platform find its statements in `folder`, which links to the platform's own."""
    before = statements.SQL_FOLDERS
    own = statements.sql_folder()
    for room in own.iterdir():
        link = folder / room.name
        if not link.exists():
            link.symlink_to(room, target_is_directory=True)
    statements.SQL_FOLDERS = (folder, *before)
    _forget()
    try:
        yield
    finally:
        statements.SQL_FOLDERS = before
        _forget()


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write statements as `wf/NAME`."""
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / FOLDER / f"{name}.sql").write_text(text, encoding="utf-8")
    _forget()


def _forget() -> None:
    statements.statement.cache_clear()
    statements.sql_folder.cache_clear()
