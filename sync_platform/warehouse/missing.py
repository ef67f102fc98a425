"""Known rows that a full load did not bring: count them, refuse too many, set what says that they are gone.

Here belong the rule and its statements; `upsert` runs them in the load's own transaction, where the staged
keys are. A row is never deleted. Rows of other sources, of later syncs, and those that say so already, stay.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.tables import TargetTable


@dataclass(frozen=True, slots=True)
class MissingRule:
    """What becomes of rows that a load of everything did not bring.

    Attributes:
        values: what is set, by column: each value as Postgres' text of it, or None for null.
        kept_keys: keys that the source did bring, though their rows were not staged.
        max_share: the largest share of the known rows that may be set in one load, 0 to 1.
    """

    values: Mapping[str, str | None]
    kept_keys: tuple[str, ...]
    max_share: float

    def require_plausible(self, *, missing: int, known: int, staged: int, table: str) -> None:
        """Refuse a load that would set too much; an empty source is never believed.

        Raises:
            PermanentError: more than `max_share` of the known rows are missing, or nothing was brought.
        """
        if not missing or (staged and missing <= self.max_share * known):
            return
        brought = f"it did not bring {missing} of them" if staged else "it came back empty"
        raise PermanentError(
            f"{table} knows {known} rows of this source, and {brought}: more than max_missing_share "
            f"({self.max_share:.0%}) would be deactivated at once: nothing was written. Look at the source; "
            "if the rows are really gone, raise max_missing_share and load this sync again"
        )


@dataclass(frozen=True, slots=True)
class MissingSql:
    """The statements of one rule over one load.

    $1 is the provenance, $2 our sync_id, $3 the kept keys as a JSON list; of `deactivate` $4 is the time of
    the load, and $5 the same as the text in `metadata`.
    """

    table: TargetTable
    staged: str
    rule: MissingRule

    def count_known(self) -> str:
        """Count the rows of this source that do not say yet that they are gone."""
        return self._text("select count(*) from {target} as t where {is_known}")

    def count_missing(self) -> str:
        """Count those of them that were not brought."""
        return self._text("select count(*) from {target} as t where {is_known} and {is_missing}")

    def deactivate(self) -> str:
        """Set the rule's values in them; the source's own time stays."""
        return self._text(
            "update {target} as t set {settings}, updated_at = $4::timestamptz, sync_id = $2::bigint,"
            " metadata = jsonb_set(t.metadata, '{{synced_at}}', to_jsonb($5::text))"
            " where {is_known} and {is_missing}"
        )

    def values(self, provenance: str, sync_id: int, further_keys: Iterable[str]) -> tuple[str, int, str]:
        """The bound values $1 to $3."""
        return provenance, sync_id, json.dumps([*self.rule.kept_keys, *further_keys])

    def _text(self, text: str) -> str:
        parts = {
            "target": self.table.identifier,
            "is_known": self._is_known(),
            "is_missing": self._is_missing(),
            "settings": sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in self._literals()
            ),
        }
        return sql.SQL(text).format(**parts).as_string(None)

    def _is_known(self) -> sql.Composed:
        says_so = sql.SQL(" and ").join(
            sql.SQL("t.{} is not distinct from {}").format(sql.Identifier(name), value)
            for name, value in self._literals()
        )
        return sql.SQL("t.metadata ->> 'source' = $1::text and t.sync_id <= $2::bigint and not ({})").format(
            says_so
        )

    def _is_missing(self) -> sql.Composed:
        return sql.SQL(
            "not exists (select from {staged} as s where s.{key} = t.{key})"
            " and t.{key}::text not in (select jsonb_array_elements_text($3::jsonb))"
        ).format(staged=sql.Identifier(self.staged), key=sql.Identifier(self.table.key))

    def _literals(self) -> list[tuple[str, sql.Composed]]:
        types = {column.name: column.type for column in self.table.columns}
        return [
            (name, sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(types[name])))
            for name, value in self.rule.values.items()
        ]
