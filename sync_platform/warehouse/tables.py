"""Target tables: what a sync declares, and making the database agree with it.

Here belongs a table's shape. Nothing here drops or changes a column that exists: a clash is refused.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.locks import lock_key

ColumnType = Literal[
    "text", "bigint", "double precision", "numeric", "boolean", "timestamptz", "date", "jsonb"
]
LONGEST_NAME_BYTES = 63
# What Postgres calls the types; a text may also stand in a varchar, whose limit then rejects rows.
STORED_AS = {"timestamptz": "timestamp with time zone"}
VARCHAR = re.compile(r"character varying(\(\d+\))?")

ROLES = """
select c.relkind in ('r', 'p') from pg_class as c where c.oid = to_regclass(%s)
"""
COLUMNS = """
select
    attname::text,
    format_type(atttypid, atttypmod),
    attnotnull and not atthasdef and attidentity = '' and attgenerated = ''
from pg_attribute
where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
"""
UNIQUE_KEYS = """
select min(a.attname::text)
from pg_index as i
inner join pg_attribute as a on i.indrelid = a.attrelid and a.attnum = any(i.indkey)
where
    i.indrelid = to_regclass(%s) and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indexprs is null and i.indnkeyatts = 1 and i.indnatts = 1
group by i.indexrelid
"""


def _check_name(name: str, what: str) -> None:
    if not name or "\0" in name:
        raise PermanentError(f"A {what} has an empty name, or one with a NUL.")
    if len(name.encode(errors="replace")) > LONGEST_NAME_BYTES:
        raise PermanentError(f"The {what} name {name} is longer than Postgres' {LONGEST_NAME_BYTES} bytes.")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a target table.

    Attributes:
        name: as in the database; any characters, at most 63 bytes.
        type: the type it is created with and must have.
    """

    name: str
    type: ColumnType

    def __post_init__(self) -> None:
        _check_name(self.name, "column")
        if self.type not in get_args(ColumnType):
            raise PermanentError(
                f"Column {self.name} has the type {self.type}; use one of {', '.join(get_args(ColumnType))}."
            )


# Written by the platform, in every target table.
METADATA = Column("metadata", "jsonb")
UPDATED_AT = Column("updated_at", "timestamptz")
SOURCE_UPDATED_AT = Column("source_updated_at", "timestamptz")
SYNC_ID = Column("sync_id", "bigint")
PLATFORM_COLUMNS = (METADATA, UPDATED_AT, SOURCE_UPDATED_AT, SYNC_ID)
REQUIRED_COLUMNS = (UPDATED_AT, SYNC_ID)


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A table that a sync keeps: one row a key.

    Attributes:
        name: the table, or schema.table; the schema must exist.
        key: the column that identifies a row; one of `columns`.
        columns: the declared columns, without the platform's own.
    """

    name: str
    key: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        for part in self.name.split(".", 1):
            _check_name(part, "table")
        names = [column.name for column in self.columns]
        if taken := {column.name for column in PLATFORM_COLUMNS} & set(names):
            raise PermanentError(
                f"Table {self.name}: {', '.join(sorted(taken))} is the platform's own. Choose another name."
            )
        if len(set(names)) < len(names):
            raise PermanentError(f"Table {self.name} declares a column twice.")
        if self.key not in names:
            raise PermanentError(f"Table {self.name}: the key {self.key} is not one of its columns.")

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name, for composing statements."""
        return sql.Identifier(*self.name.split(".", 1))


def ensure_table(connection: psycopg.Connection[TupleRow], table: TargetTable) -> None:
    """Create the table where it is missing, or add the columns that it lacks; a rerun does nothing.

    One transaction: it is refused before anything is written. The new table's primary key is `key`.

    Raises:
        PermanentError: a column has another type, the key is not unique, a column that we do not
            fill is required, the name is not a table's, or a privilege is missing.
        RetryableError: the connection was lost.
    """
    with classifying(f"preparing table {table.name}"), connection.transaction():
        # Two syncs may share a target, and `if not exists` alone races.
        connection.execute("select pg_advisory_xact_lock(%s)", [lock_key(f"table {table.name}")])
        quoted = table.identifier.as_string(connection)
        is_table = connection.execute(ROLES, [quoted]).fetchone()
        if is_table is None:
            connection.execute(_create(table))
            return
        if is_table == (False,):
            raise PermanentError(f"{table.name} is not a table. Name another target.")
        stored = {name: (kind, bool(must)) for name, kind, must in connection.execute(COLUMNS, [quoted])}
        keys = {name for (name,) in connection.execute(UNIQUE_KEYS, [quoted])}
        if complaint := disagreement(table, stored, keys):
            raise PermanentError(f"Table {table.name} does not fit: {complaint}")
        for column in (*table.columns, *PLATFORM_COLUMNS):
            if column.name not in stored:
                connection.execute(_widen(table, column))


def disagreement(
    table: TargetTable, stored: dict[str, tuple[str, bool]], unique_keys: set[str]
) -> str | None:
    """Return why an existing table cannot be the target, or None when it can.

    Args:
        table: what the sync declares.
        stored: column name to its type in Postgres' words, and whether every insert must fill it.
        unique_keys: the columns that have a unique index of their own.
    """
    wanted = (*table.columns, *PLATFORM_COLUMNS)
    for column in wanted:
        kind = stored[column.name][0] if column.name in stored else None
        if kind is not None and not _fits(column.type, kind):
            return (
                f"column {column.name} is {kind}, the sync declares {column.type}. Change the declaration, "
                "or the column."
            )
    if table.key not in unique_keys:
        return f"its key {table.key} has no primary key or unique index of its own. Add one."
    names = {column.name for column in wanted}
    unfilled = sorted(name for name, (_, must) in stored.items() if must and name not in names)
    if unfilled:
        return f"column {unfilled[0]} may not be null and the sync does not fill it. Give it a default."
    return None


def _fits(declared: ColumnType, stored: str) -> bool:
    return stored == STORED_AS.get(declared, declared) or (
        declared == "text" and VARCHAR.fullmatch(stored) is not None
    )


def _create(table: TargetTable) -> sql.Composed:
    columns = [_definition(column) for column in (*table.columns, *PLATFORM_COLUMNS)]
    return sql.SQL("create table {} ({}, primary key ({}))").format(
        table.identifier, sql.SQL(", ").join(columns), sql.Identifier(table.key)
    )


def _widen(table: TargetTable, column: Column) -> sql.Composed:
    """Add one column; rows that stand there already count as written now, by no sync."""
    defaults = {UPDATED_AT: sql.SQL(" default now()"), SYNC_ID: sql.SQL(" default 0")}
    if column not in defaults:
        return sql.SQL("alter table {} add column {}").format(table.identifier, _definition(column))
    return sql.SQL("alter table {} add column {}{}; alter table {} alter column {} drop default").format(
        table.identifier,
        _definition(column),
        defaults[column],
        table.identifier,
        sql.Identifier(column.name),
    )


def _definition(column: Column) -> sql.Composed:
    required = sql.SQL(" not null" if column in REQUIRED_COLUMNS else "")
    return sql.SQL("{} {}{}").format(sql.Identifier(column.name), sql.SQL(column.type), required)
