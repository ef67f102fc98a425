"""Named statements: one SQL file each, read from `sql/`.

Here belongs only finding and reading them; what they mean is told by the header of each file.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sync_platform.vocabulary import PermanentError

if TYPE_CHECKING:
    from psycopg import sql

PACKAGE = Path(__file__).resolve().parent.parent
# Inside the wheel `sql/` stands in the package, in a checkout beside it.
SQL_FOLDERS: tuple[Path, ...] = (PACKAGE / "sql", PACKAGE.parent / "sql")


@cache
def statement(name: str) -> str:
    """Return the text of `sql/<name>.sql`, such as `sync/recent_syncs`.

    Its values are bound as `%(name)s`; a literal percent sign is written `%%` where any are.

    Raises:
        PermanentError: there is no such statement.
    """
    path = sql_folder() / f"{name}.sql"
    if not path.is_file():
        raise PermanentError(
            f"There is no statement {name}: {path.name} is missing in sql/{Path(name).parent}."
        )
    return path.read_text(encoding="utf-8")


def composed(name: str, **identifiers: "str | sql.Composable") -> "sql.Composed":
    """Return the statement with its `{placeholders}` replaced by quoted identifiers or SQL parts.

    A literal brace in such a file is doubled. Values are never put in this way.
    """
    from psycopg import sql  # noqa: PLC0415 -- loading the definitions looks for files, and needs no driver

    parts = {
        placeholder: sql.Identifier(*part.split(".", 1)) if isinstance(part, str) else part
        for placeholder, part in identifiers.items()
    }
    return sql.SQL(statement(name)).format(**parts)


@cache
def sql_folder() -> Path:
    """Return the folder with all SQL files, in the wheel or in the checkout.

    Raises:
        PermanentError: the installation is incomplete.
    """
    for folder in SQL_FOLDERS:
        if (folder / "migrations").is_dir():
            return folder
    raise PermanentError("The sql/ folder is missing from this installation. Install sync-platform again.")
