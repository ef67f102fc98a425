"""Migrations: plain SQL files, applied once each, in the order of their numbers.

Here belongs the runner; why it is ours stands in docs/adr/0002-migrations.md. The files in
`sql/migrations/` are append-only: one that was applied is never edited, a new one corrects it.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from sync_platform.vocabulary import PermanentError, SchemaError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classified, classifying
from sync_platform.warehouse.statements import sql_folder

HISTORY_TABLE = "sync_platform_migrations"
FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+")
LOCK_KEY = int.from_bytes(hashlib.blake2b(HISTORY_TABLE.encode(), digest_size=8).digest(), signed=True)
CREATE_HISTORY = sql.SQL("""
create table if not exists {history} (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
)
""").format(history=sql.Identifier(HISTORY_TABLE))


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `sql/migrations/`.

    Attributes:
        name: the file's name without `.sql`, such as `0001_create_users`.
        script: its text: any number of statements, in one transaction.
        checksum: SHA-256 of the text, in hex; line endings do not matter.
    """

    name: str
    script: str
    checksum: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations that this code knows, in order.

    Raises:
        PermanentError: a file's name is not `NNNN_verb_object.sql`, or a number is taken twice.
    """
    found = tuple(
        Migration(path.stem, script, hashlib.sha256(script.encode()).hexdigest())
        for path in sorted((sql_folder() / "migrations").glob("*.sql"))
        for script in (path.read_text(encoding="utf-8"),)
    )
    wrong = [one.name for one in found if not FILE_NAME.fullmatch(one.name)]
    if wrong or len({one.name[:4] for one in found}) < len(found):
        raise PermanentError(
            f"sql/migrations: names are NNNN_verb_object.sql, each number once. Wrong: {wrong}"
        )
    return found


def migrate(address: DatabaseAddress) -> tuple[str, ...]:
    """Apply what is missing and return the names applied; a rerun applies nothing.

    Two at the same time wait for each other. Each file is one transaction with its history row, so
    that a failure leaves the earlier files applied and nothing half-made.

    Raises:
        SchemaError: the database is newer than this code, or an applied file was edited.
        PermanentError, RetryableError: Postgres refused a file; the message names it.
    """
    with connect(address, autocommit=True) as connection:
        with classifying("preparing the migrations"):
            connection.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
            connection.execute(CREATE_HISTORY)
        pending = pending_migrations(migrations(), _applied(connection))
        for migration in pending:
            _apply(connection, migration)
    return tuple(migration.name for migration in pending)


def require_current_schema(address: DatabaseAddress) -> None:
    """Return when the database's schema is exactly what this code needs.

    Raises:
        SchemaError: it is older (the message names `migrate`) or newer, or an applied file was edited.
    """
    with connect(address, autocommit=True) as connection, classifying("reading the schema's version"):
        pending = pending_migrations(migrations(), _applied(connection))
    if pending:
        raise SchemaError(
            f"The schema of database {address.database} is older than this code: {pending[0].name} is "
            "missing. Run `sync-platform migrate`."
        )


def pending_migrations(known: tuple[Migration, ...], applied: dict[str, str]) -> tuple[Migration, ...]:
    """Return the known migrations that are not applied, in order.

    Args:
        known: what this code ships.
        applied: name to checksum of what the database has.

    Raises:
        SchemaError: the database has one that this code does not know, or with another text.
    """
    unknown = sorted(applied.keys() - {migration.name for migration in known})
    if unknown:
        raise SchemaError(
            f"The database's schema is newer than this code: it has {unknown[-1]}. "
            "Update sync-platform; `sync-platform migrate` only goes forward."
        )
    edited = [one.name for one in known if applied.get(one.name, one.checksum) != one.checksum]
    if edited:
        raise SchemaError(
            f"The migration {edited[0]} was edited after it was applied. Restore its text, and put the "
            "change into a new migration for `sync-platform migrate`."
        )
    return tuple(migration for migration in known if migration.name not in applied)


def _applied(connection: psycopg.Connection[TupleRow]) -> dict[str, str]:
    if connection.execute("select to_regclass(%s)", [HISTORY_TABLE]).fetchone() == (None,):
        return {}
    query = sql.SQL("select name, checksum from {}").format(sql.Identifier(HISTORY_TABLE))
    return dict(connection.execute(query).fetchall())


def _apply(connection: psycopg.Connection[TupleRow], migration: Migration) -> None:
    record = sql.SQL("insert into {} (name, checksum) values (%s, %s)").format(sql.Identifier(HISTORY_TABLE))
    try:
        with connection.transaction():
            # Without parameters psycopg sends the whole script at once: nothing is split on `;`.
            connection.execute(migration.script)
            connection.execute(record, [migration.name, migration.checksum])
    except psycopg.errors.DuplicateTable:
        raise PermanentError(
            f"The migration {migration.name} would create a table that exists already. "
            "Point DATABASE_URL at a database of its own, or rename that table."
        ) from None
    except psycopg.Error as error:
        raise classified(error, f"applying the migration {migration.name}") from None
