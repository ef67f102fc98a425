"""The statements of a bulk load, composed for one target table.

Here belongs SQL whose column lists come from the table; statements that are always the same stand in
`sql/`. Identifiers are composed and values bound: $1 provenance, $2 synced_at, $3 loaded_at, $4 sync_id,
and where only a part is written the positions $5 and $6 (see `sql/load/create_attempt.sql`). `s` is a
staged row, `t` its row in the target, `v` its verdict:

| in the target | staged row                    | verdict   | written           | counted   |
|---------------|-------------------------------|-----------|-------------------|-----------|
| unknown       | live                          | insert    | all columns       | inserted  |
| unknown       | tombstone                     | deleted   | nothing           | deleted   |
| known         | equal, source time included   | (no row)  | nothing           | unchanged |
| known         | older than the target         | stale     | nothing           | stale     |
| known         | live, otherwise               | update    | all columns       | updated   |
| known         | tombstone, already as it says | deleted   | nothing           | deleted   |
| known         | tombstone, otherwise          | tombstone | tombstone columns | deleted   |

Older means: its source time is earlier, or, where the times are equal or one is missing, a later sync
wrote the target.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString, Self
from uuid import uuid4

from psycopg import sql

from sync_platform.warehouse.tables import (
    METADATA,
    PLATFORM_COLUMNS,
    SOURCE_UPDATED_AT,
    SYNC_ID,
    UPDATED_AT,
    Column,
    TargetTable,
)

# Updates first: they may free a unique value that an insert takes.
WRITTEN_VERDICTS = ("update", "tombstone", "insert")
PART_ROWS = 10_000
ONE_PART = sql.SQL("and v.position >= $5::bigint and v.position < $6::bigint")
PLATFORM_VALUES = {
    # Built once, and only the id set for each row: building each anew takes twice as long.
    METADATA: sql.SQL(
        "jsonb_set("
        "(select jsonb_build_object('source', $1::text, 'original_id', null, 'synced_at', $2::text)),"
        " array['original_id'], s._original_id::jsonb)"
    ),
    UPDATED_AT: sql.SQL("$3::timestamptz"),
    SOURCE_UPDATED_AT: sql.SQL("s.source_updated_at"),
    SYNC_ID: sql.SQL("$4::bigint"),
}
IS_STALE = sql.SQL(
    "(t.source_updated_at > s.source_updated_at"
    " or ((t.source_updated_at < s.source_updated_at) is not true and t.sync_id > $4::bigint))"
)


@dataclass(frozen=True, slots=True)
class MergeSql:
    """Composes each statement of one load as text. Two loads never share a temporary table.

    Attributes:
        table: the target.
        tombstone_columns: what a tombstone sets.
        staged: name of the temporary table with the staged rows.
        verdicts: name of the one with the rows that are not unchanged.
    """

    table: TargetTable
    tombstone_columns: tuple[str, ...]
    staged: str
    verdicts: str

    @classmethod
    def fresh(cls, table: TargetTable, tombstone_columns: tuple[str, ...]) -> Self:
        """Return the statements of a new load, with names of its own."""
        load = uuid4().hex
        return cls(table, tombstone_columns, f"staged_{load}", f"verdicts_{load}")

    def create_staged(self) -> str:
        """Create the staging table with the target's own types and collations; JSON stays text."""
        plain, as_text = sql.SQL("t.{0}"), sql.SQL("t.{0}::text as {0}")
        columns = (
            (as_text if column.type in {"text", "jsonb"} else plain).format(sql.Identifier(column.name))
            for column in self.table.columns
        )
        return self._text(
            "create temporary table {staged} as select {columns}, t.source_updated_at,"
            " null::text as _original_id, null::bigint as _place, null::boolean as _is_deleted"
            " from {target} as t with no data",
            columns=_joined(columns),
        )

    def create_verdicts(self) -> str:
        """Create the table of verdicts; position is set only when parts are written."""
        return self._text("create temporary table {verdicts} (staged_row tid, verdict text, position bigint)")

    def analyze_staged(self) -> str:
        """Let the planner know how many rows there are."""
        return self._text("analyze {staged}")

    def is_key_bytewise(self) -> str:
        """Say whether keys are equal only where their bytes are, by type and collation."""
        return self._text(
            """
            select
                a.atttypid in ('text'::regtype, 'bigint'::regtype)
                and coalesce(c.collisdeterministic, true)
            from pg_attribute as a left join pg_collation as c on c.oid = a.attcollation
            where a.attrelid = {staged_name}::regclass and a.attname = {key_name}
            """,
            staged_name=sql.Literal(self.staged),
            key_name=sql.Literal(self.table.key),
        )

    def count_tombstones(self) -> str:
        """Count the staged rows that say deleted."""
        return self._text("select count(*) from {staged} where _is_deleted")

    def delete_duplicates(self) -> str:
        """Keep of each key the newest row, then the one that was read last; return how many went."""
        return self._text("""
            with gone as (
                delete from {staged} where ctid in (
                    select staged_row from (
                        select s.ctid as staged_row, row_number() over (
                            partition by s.{key}
                            order by s.source_updated_at desc nulls last, s._place desc
                        ) as place
                        from {staged} as s
                        where s.{key} in (select {key} from {staged} group by {key} having count(*) > 1)
                    ) as places
                    where place > 1
                )
                returning 1
            )
            select count(*) from gone
        """)

    def lock_target(self) -> str:
        """Keep other writers out until the commit, so that a verdict stays true. Readers go on."""
        return self._text("lock table {target} in share row exclusive mode")

    def is_target_empty(self) -> str:
        """Say whether the target has no row at all."""
        return self._text("select not exists (select from {target})")

    def known_rows(self, most: int) -> str:
        """Return some of the target's rows, by the columns of `staging.compared_schema`.

        The number is no bound value, because the driver keeps the whole result of a statement that has one.
        """
        return self._text(
            "select {columns}, source_updated_at, false as _is_deleted"
            " from {target} where {key} is not null limit {most}",
            columns=_joined(sql.Identifier(column.name) for column in self.table.columns),
            most=sql.Literal(most),
        )

    def insert_all(self) -> str:
        """Write every live staged row into an empty target."""
        source = sql.SQL("from {} as s where not s._is_deleted").format(sql.Identifier(self.staged))
        return self._insert(source)

    def judge(self) -> str:
        """Compare every staged row with the target, once."""
        same_time = sql.SQL("t.source_updated_at is not distinct from s.source_updated_at")
        content = [self._same(column) for column in self.table.columns if column.name != self.table.key]
        said = [self._same(column) for column in self._tombstone()]
        return self._text(
            """
            insert into {verdicts} (staged_row, verdict)
            select staged_row, verdict from (
                select s.ctid as staged_row, case
                    when t.{key} is null then case when s._is_deleted then 'deleted' else 'insert' end
                    when not s._is_deleted and {is_same} then 'unchanged'
                    when {is_stale} then 'stale'
                    when not s._is_deleted then 'update'
                    when {is_as_said} then 'deleted'
                    else 'tombstone'
                end as verdict
                from {staged} as s left join {target} as t on t.{key} = s.{key}
            ) as judged
            where verdict <> 'unchanged'
            """,
            is_same=_all((same_time, *content)),
            is_stale=IS_STALE,
            is_as_said=_all((sql.SQL("(s.source_updated_at is null or {})").format(same_time), *said)),
        )

    def forget_verdicts(self) -> str:
        """Empty the table of verdicts."""
        return self._text("truncate {verdicts}")

    def count_verdicts(self) -> str:
        """Count the rows of each verdict."""
        return self._text("select verdict, count(*) from {verdicts} group by verdict")

    def writes(self, verdict: str, *, part: bool = False) -> str:
        """Write the rows of one verdict: all, or those at the positions from $5 until before $6."""
        joined = sql.SQL(
            "from {staged} as s inner join {verdicts} as v on s.ctid = v.staged_row"
            " where v.verdict = {verdict} {part}"
        ).format(
            staged=sql.Identifier(self.staged),
            verdicts=sql.Identifier(self.verdicts),
            verdict=sql.Literal(verdict),
            part=ONE_PART if part else sql.SQL(""),
        )
        if verdict == "insert":
            return self._insert(joined)
        columns = self._tombstone() if verdict == "tombstone" else self.table.columns
        return self._update(columns, joined)

    def delete_invalid_json(self) -> str:
        """Remove rows whose text is not JSON; return place, key and column."""
        json = ["_original_id", *(column.name for column in self.table.columns if column.type == "jsonb")]
        valid = [sql.SQL("pg_input_is_valid({}, 'jsonb')").format(sql.Identifier(name)) for name in json]
        named = [
            sql.SQL("when not {} then {}").format(test, sql.Literal(name))
            for test, name in zip(valid, json, strict=True)
        ]
        return self._text(
            "delete from {staged} where not ({valid}) returning _place, {key}::text, case {named} end",
            valid=_all(valid),
            named=sql.SQL(" ").join(named),
        )

    def number_parts(self) -> tuple[str, ...]:
        """Give each row that will be written a position: by verdict and the order of reading."""
        return (
            self._text("""
                update {verdicts} as v set position = numbered.position from (
                    select s.ctid as staged_row, row_number() over (
                        order by v.verdict desc, s._place
                    ) as position
                    from {staged} as s inner join {verdicts} as v on s.ctid = v.staged_row
                    where v.verdict in ('insert', 'update', 'tombstone')
                ) as numbered
                where v.staged_row = numbered.staged_row
            """),
            self._text("create index on {verdicts} (position)"),
            self._text("analyze {verdicts}"),
        )

    def parts(self) -> str:
        """Return the positions of each part: from (inclusive), until (exclusive)."""
        return self._text(
            "select min(position), max(position) + 1 from {verdicts}"
            " where position is not null group by position / {part_rows} order by 1 desc",
            part_rows=sql.Literal(PART_ROWS),
        )

    def row_at(self) -> str:
        """Return place, key and verdict of the row at position $1."""
        return self._text(
            "select s._place, s.{key}::text, v.verdict"
            " from {staged} as s inner join {verdicts} as v on s.ctid = v.staged_row"
            " where v.position = $1::bigint"
        )

    def _insert(self, source: sql.Composable) -> str:
        columns = (*self.table.columns, *PLATFORM_COLUMNS)
        return self._text(
            "insert into {target} ({names}) select {values} {source}",
            names=_joined(sql.Identifier(column.name) for column in columns),
            values=_joined(_value(column) for column in columns),
            source=source,
        )

    def _update(self, columns: Iterable[Column], joined: sql.Composable) -> str:
        """A tombstone without a source time keeps the one that is known."""
        settings = {column: _value(column) for column in (*columns, *PLATFORM_COLUMNS)}
        settings[SOURCE_UPDATED_AT] = sql.SQL(
            "case when s._is_deleted then coalesce(s.source_updated_at, t.source_updated_at)"
            " else s.source_updated_at end"
        )
        return self._text(
            "update {target} as t set {settings} {joined} and t.{key} = s.{key}",
            settings=_joined(
                sql.SQL("{} = {}").format(sql.Identifier(column.name), text)
                for column, text in settings.items()
                if column.name != self.table.key
            ),
            joined=joined,
        )

    def _tombstone(self) -> tuple[Column, ...]:
        return tuple(column for column in self.table.columns if column.name in self.tombstone_columns)

    def _same(self, column: Column) -> sql.Composed:
        return sql.SQL("t.{} is not distinct from {}").format(sql.Identifier(column.name), _value(column))

    def _text(self, text: LiteralString, **parts: sql.Composable) -> str:
        names = {
            "target": self.table.identifier,
            "key": sql.Identifier(self.table.key),
            "staged": sql.Identifier(self.staged),
            "verdicts": sql.Identifier(self.verdicts),
        }
        return sql.SQL(text).format(**names, **parts).as_string(None)


def _value(column: Column) -> sql.Composable:
    if column in PLATFORM_VALUES:
        return PLATFORM_VALUES[column]
    cast = sql.SQL("::jsonb" if column.type == "jsonb" else "")
    return sql.SQL("s.{}{}").format(sql.Identifier(column.name), cast)


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _all(tests: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" and ").join(tests)
