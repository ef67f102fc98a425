"""The parts of `ApiSync`'s YAML that the pull engine owns: fields, columns, incremental, tombstones, target.

Here belongs what each word may say by itself. How the words fit together stands in `spec`, the words of
HTTP in `sync_platform.api.spec`. Nothing here reads the environment or contacts anything.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from sync_platform.api.spec import PathField

ColumnType = Literal[
    "text", "bigint", "double precision", "numeric", "boolean", "timestamptz", "date", "jsonb"
]
FieldType = Literal["text", "integer", "number", "boolean", "json"]
Literally = str | int | float | bool | None

LONGEST_NAME_BYTES = 63
INTEGER = "integer"
"""The format of a change counter: a version, a sequence number, an id that only grows."""
_TIME_WORDS = ("iso8601", "epoch_s", "epoch_ms")
_FIRST_START = datetime(2024, 1, 1, tzinfo=UTC)


class Spec(BaseModel):
    """A frozen part of the grammar that refuses unknown words."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def require_name(name: str, what: str) -> str:
    """Return a name that Postgres can hold as it is.

    Raises:
        ValueError: it is empty, holds a NUL, or is longer than 63 bytes, where Postgres would cut it.
    """
    if not name or "\0" in name or len(name.encode(errors="replace")) > LONGEST_NAME_BYTES:
        raise ValueError(f"the {what} name `{name[:80]}` is no name of 1 to {LONGEST_NAME_BYTES} bytes")
    return name


def require_sql(expression: str) -> str:
    """Return a SQL expression that polars can parse.

    Raises:
        ValueError: it cannot, or it says something about several records at once.
    """
    import polars as pl  # noqa: PLC0415 -- half a second, needed only where YAML is validated

    try:
        pl.sql_expr(expression)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"`{expression}` is no SQL expression: {error}") from error
    return expression


def _require_time_format(time_format: str) -> str:
    if time_format not in _TIME_WORDS and "%" not in time_format:
        allowed = ", ".join(_TIME_WORDS)
        raise ValueError(
            f"`{time_format}` is no format of a time: use {allowed} or a strptime pattern (%Y-%m-%d)"
        )
    return time_format


def _start_of(start: object) -> object:
    """Read `start`: an integer, RFC 3339 or a date; naive means UTC."""
    if isinstance(start, bool):
        raise ValueError("start is a time or an integer, not a boolean")  # noqa: TRY004 -- pydantic wants it
    if isinstance(start, str):
        try:
            start = datetime.fromisoformat(start)
        except ValueError:
            raise ValueError(f"`{start}` is no RFC 3339 time (2024-01-01T00:00:00Z) and no integer") from None
    if isinstance(start, date) and not isinstance(start, datetime):  # what YAML makes of 2024-01-01
        start = datetime(start.year, start.month, start.day, tzinfo=UTC)
    if isinstance(start, datetime):
        return start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
    return start


class FieldSpec(Spec):
    """A value to take out of a record by PATH, with its JSON type."""

    path: PathField = Field(description="Where the value stands in a record, such as `address.city`.")
    type: FieldType | None = Field(
        default=None, description="JSON type of the value; a record whose value does not fit is quarantined."
    )
    required: bool = Field(default=False, description="Quarantine a record without it.")


class ColumnSpec(Spec):
    """A column of the target table, computed by a polars SQL expression."""

    sql: str = Field(description="SQL over a record's top-level names and `fields`.")
    type: ColumnType | None = Field(
        default=None, description="Column type (default: what the SQL gives, else text)."
    )
    format: str = Field(
        default="iso8601",
        description="How a timestamptz or date is written: iso8601, epoch_s, epoch_ms or a strptime pattern.",
    )

    _sql_parses = field_validator("sql")(require_sql)
    _format_is_known = field_validator("format")(_require_time_format)


class IncrementalSpec(Spec):
    """How the source's changes are asked for and read: by a time, by an integer, or by a token."""

    field: PathField | None = Field(
        default=None,
        description="PATH of a record's cursor field: its change time, or an integer that grows.",
    )
    token: PathField | None = Field(
        default=None,
        description="Instead of `field`: PATH where the last page hands over what starts the next sync. It "
        "stands for {since} where the request has that; else it is the first URL (next_url, link_header) or "
        "the first {cursor}.",
    )
    format: str = Field(
        default="iso8601",
        description="How the record writes it: iso8601, epoch_s, epoch_ms, integer or a strptime pattern; a "
        "naive time means UTC.",
    )
    param_format: str | None = Field(
        default=None, description="How {since} and {until} are written (default: format)."
    )
    start: Annotated[datetime | int, BeforeValidator(_start_of, json_schema_input_type=str | int)] = Field(
        default=_FIRST_START,
        description="Where the first sync begins, and the first partition (default 2024-01-01T00:00:00Z; 0 "
        "for integers).",
    )
    full: Literal["unfiltered", "from_start"] = Field(
        default="unfiltered",
        description="from_start: a full sync sends `start`, and {until} always says something, for APIs "
        "whose filter may not be missing; unfiltered: both are left out.",
    )
    lag_s: float = Field(
        default=60, description="Seconds looked back behind the watermark on every incremental sync."
    )
    tracks: Literal["changes", "new"] = Field(
        default="changes",
        description="new: the filter sees creations only; the full sync (full_every_s) finds the rest.",
    )

    @model_validator(mode="before")
    @classmethod
    def _integers_start_at_0(cls, said: Any) -> Any:
        if isinstance(said, dict) and said.get("format") == INTEGER:
            return {"start": 0, **said}
        return said

    @field_validator("format", "param_format")
    @classmethod
    def _format_is_known(cls, word: str | None) -> str | None:
        return word if word in (None, INTEGER) else _require_time_format(word)

    @field_validator("lag_s")
    @classmethod
    def _lag_is_not_negative(cls, lag_s: float) -> float:
        if lag_s < 0:
            raise ValueError("lag_s looks back, so it is 0 or more seconds")
        return lag_s

    @model_validator(mode="after")
    def _words_fit_together(self) -> Self:
        if (self.field is None) == (self.token is None):
            raise ValueError(
                "say either `field` (PATH of a record's cursor) or `token` (PATH on the last page)"
            )
        said = self.model_fields_set - {"token", "field"}
        if self.token is not None and said:
            raise ValueError(f"`{', '.join(sorted(said))}` describes a `field`; with `token` leave it out")
        if self.is_integer != isinstance(self.start, int):
            raise ValueError("start is an integer with format: integer, and a time with every other format")
        if self.is_integer and self.param_format not in (None, INTEGER):
            raise ValueError("param_format of an integer is integer; leave it out")
        if self.param_format == INTEGER and not self.is_integer:
            raise ValueError("a time is not written as integer: use epoch_s or epoch_ms")
        if self.is_integer and "lag_s" in self.model_fields_set:
            raise ValueError(
                "lag_s is seconds: it fits only a time; an integer is asked from the watermark on"
            )
        return self

    @property
    def is_integer(self) -> bool:
        """Whether the cursor counts instead of telling a time."""
        return self.field is not None and self.format == INTEGER

    @property
    def is_time(self) -> bool:
        """Whether the cursor is a time."""
        return self.field is not None and self.format != INTEGER

    @property
    def is_change_time(self) -> bool:
        """Whether the cursor tells when a record changed, so that days can be asked for again."""
        return self.is_time and self.tracks == "changes"

    @property
    def cursor_name(self) -> str | None:
        """The name of the cursor field among a record's values; None with a token."""
        return None if self.field is None else str(self.field)


class DeletedSpec(Spec):
    """Tombstones: records that say that something is gone."""

    when: str = Field(description="SQL that is true for a tombstone, such as `deleted` or `status = 'gone'`.")
    set: dict[str, Literally] = Field(
        description="Columns that a tombstone sets in a known row, and their values; it inserts nothing."
    )

    _sql_parses = field_validator("when")(require_sql)

    @field_validator("set")
    @classmethod
    def _sets_something(cls, values: dict[str, Literally]) -> dict[str, Literally]:
        if not values:
            raise ValueError("name at least one column that a tombstone sets, such as {status: deleted}")
        return values


class TargetSpec(Spec):
    """The Postgres table that the records end in."""

    table: str = Field(description="Table name, optionally with a schema: `crm.orders`.")
    key: str = Field(description="The column whose value identifies a record.")
    max_open_conns: int = Field(
        default=10, description="The most connections that a sync holds open at once."
    )

    @field_validator("table")
    @classmethod
    def _table_is_a_name(cls, table: str) -> str:
        for part in table.split(".", 1):
            require_name(part, "table")
        return table

    @field_validator("max_open_conns")
    @classmethod
    def _some_connections(cls, count: int) -> int:
        if not 2 <= count <= 100:  # noqa: PLR2004 -- one for the lock, one for the load
            raise ValueError("max_open_conns is between 2 (the lock and the load) and 100")
        return count


class ScheduleSpec(Spec):
    """When the sync runs by itself."""

    cron: str = Field(description="A cron expression, such as `0 * * * *`.")
    status: Literal["running", "stopped"] = Field(
        default="running", description="Whether the schedule ships switched on."
    )


def is_cron(text: str) -> bool:
    """Whether a text has a cron expression's five fields; Dagster checks each when it loads the schedule."""
    return re.fullmatch(r"\S+( +\S+){4}", text.strip()) is not None
