"""Which field of a record each column of the table comes from.

Pure reading of the YAML's SQL; the decoder asks it what to take out of a record, the UI draws it.
"""

from collections.abc import Mapping
from functools import lru_cache

from sync_platform.pull.spec import CHANGE_COLUMN, ApiSyncSpec


@lru_cache(maxsize=512)
def names_in(expression: str) -> tuple[str, ...]:
    """The names that a SQL expression reads, each once, in order."""
    import polars as pl  # noqa: PLC0415 -- half a second, needed only where a source is really used

    return tuple(dict.fromkeys(pl.sql_expr(expression).meta.root_names()))


def roots_of(spec: ApiSyncSpec) -> Mapping[str, tuple[str, ...]]:
    """By target column, the names of the record's values it is computed from."""
    roots = {name: names_in(column.sql) for name, column in spec.column_specs.items()}
    return roots if spec.change_column is None else {**roots, CHANGE_COLUMN: names_in(spec.change_column.sql)}


def key_roots(spec: ApiSyncSpec) -> tuple[str, ...]:
    """The names that the key column is computed from."""
    return names_in(spec.column_specs[spec.target.key].sql)


def top_level_names(spec: ApiSyncSpec) -> tuple[str, ...]:
    """Every name that the columns, the cursor or the tombstones read, each once."""
    names = dict.fromkeys(name for roots in roots_of(spec).values() for name in roots)
    if spec.deleted is not None:
        names.update(dict.fromkeys(names_in(spec.deleted.when)))
    if spec.incremental is not None and spec.incremental.cursor_name is not None:
        names.setdefault(spec.incremental.cursor_name)
    return tuple(names)


def text_time_names(spec: ApiSyncSpec) -> frozenset[str]:
    """Names that hold times written as text: a number there is no time, whatever its digits say."""
    columns = [*spec.column_specs.values(), *([spec.change_column] if spec.change_column else [])]
    names = {
        column.sql.strip()
        for column in columns
        if column.type in ("timestamptz", "date") and not column.format.startswith("epoch")
    }
    incremental = spec.incremental
    if incremental is not None and incremental.is_time and not incremental.format.startswith("epoch"):
        names.add(str(incremental.field))
    return frozenset(names)


def whole_json_names(spec: ApiSyncSpec) -> frozenset[str]:
    """Names that only jsonb columns read, each as it is: their values may be objects and lists."""
    columns = spec.column_specs.values()
    as_they_are = {column.sql.strip() for column in columns if column.type == "jsonb"}
    others = [column.sql for column in columns if column.type != "jsonb"]
    others += [spec.deleted.when] if spec.deleted else []
    others += [spec.change_column.sql] if spec.change_column else []
    elsewhere = {name for expression in others for name in names_in(expression)}
    return frozenset(as_they_are & set(top_level_names(spec)) - elsewhere)
