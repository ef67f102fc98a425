"""What a source's YAML may say: the schema of `ApiSync`, validated before anything runs.

Here belong the words of the grammar that the pull engine owns, and the rules between them. The words of
HTTP (auth, request, pagination, limits) stand in `sync_platform.api.spec`. Nothing here reads the
environment or contacts anything.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from sync_platform.api.json_path import JsonPath
from sync_platform.api.spec import (
    AuthSpec,
    NoAuth,
    PaginationSpec,
    PathField,
    RateLimitSpec,
    RequestSpec,
    ResponseAction,
    RetrySpec,
)
from sync_platform.pull.grammar import (
    ColumnSpec,
    ColumnType,
    DeletedSpec,
    FieldSpec,
    FieldType,
    IncrementalSpec,
    Literally,
    ScheduleSpec,
    Spec,
    TargetSpec,
    is_cron,
    require_name,
    require_sql,
)
from sync_platform.vocabulary import MisfitError

__all__ = [
    "CHANGE_COLUMN",
    "PLATFORM_COLUMNS",
    "ApiSyncSpec",
    "ColumnSpec",
    "ColumnType",
    "DeletedSpec",
    "FieldSpec",
    "FieldType",
    "IncrementalSpec",
    "ScheduleSpec",
    "TargetSpec",
]

PLATFORM_COLUMNS = frozenset({"metadata", "updated_at", "sync_id"})
"""Columns that the platform writes itself; YAML may not set them."""
CHANGE_COLUMN = "source_updated_at"
"""The platform's column that YAML may compute, where `incremental` has no time."""
_URL_PAGINATIONS = ("next_url", "link_header")
_STAGING_COLUMNS = frozenset({"_original_id", "_place", "_is_deleted"})

_NOUN = re.compile(r"[a-z][a-z0-9_]{0,39}")


class ApiSyncSpec(Spec):
    """A paginated REST API that is kept in a Postgres table; the attributes of one `defs.yaml`."""

    source: str = Field(
        description="The noun of all names: external_<source>_pages, normalized_<source>, <source>, "
        "<source>_sync_metadata."
    )
    description: str | None = Field(default=None, description="What the records are, for the UI.")
    owners: list[str] = Field(
        default=[], description="Who answers for it: e-mail addresses or `team:<name>`."
    )
    provenance: str | None = Field(default=None, description="What `metadata.source` says (default: source).")
    base_url: str = Field(description="The API's address; `${NAME}` is looked up when a run needs it.")
    auth: AuthSpec = Field(default=NoAuth(), description="How requests prove who they are.")
    request: RequestSpec = Field(description="The first request, written as the API's own page writes it.")
    page_size: int = Field(default=100, description="What {page_size} stands for: records a page.")
    max_concurrent_pages: int | None = Field(
        default=None, description="Pages read at once (default 16); only for page and offset with a total."
    )
    pagination: PaginationSpec = Field(description="How the API hands out one page after another.")
    incremental: IncrementalSpec | None = Field(
        default=None, description="How to ask for changes only; without it every sync is full."
    )
    full_every_s: float | None = Field(
        default=None, description="A full sync at least this often, in seconds."
    )
    records: PathField | None = Field(
        default=None, description="PATH of the record array; absent: the body is the array."
    )
    fields: dict[str, PathField | FieldSpec] = Field(
        default={}, description="Values that are nested, or must have a type."
    )
    columns: dict[str, str | ColumnSpec] = Field(
        description="Target columns: SQL over names and `fields`, or {sql, type, format}. "
        "`source_updated_at` may be one of them where `incremental` has no time."
    )
    deleted: DeletedSpec | None = Field(
        default=None, description="Which records say that something is gone, and what that sets."
    )
    on_missing: Literal["keep", "deactivate"] = Field(
        default="keep",
        description="What becomes of rows that a proven full sync does not bring: deactivate sets what "
        "`deleted.set` says, else the column `status` to `inactive`.",
    )
    max_missing_share: float = Field(
        default=0.2, description="Refuse to deactivate more than this share of the source's rows in one sync."
    )
    response_actions: list[ResponseAction] = Field(
        default=[],
        description="What to do on certain replies; the first match wins, before the standard policy.",
    )
    rate_limit: RateLimitSpec | None = Field(default=None, description="How much the API allows.")
    timeout_s: float = Field(default=60, description="Seconds that a whole page may take.")
    retries: RetrySpec = Field(
        default=RetrySpec(), description="How often a failed page is asked again at once."
    )
    max_retry_after_s: float = Field(
        default=120, description="The longest Retry-After that is waited for; beyond it the page is queued."
    )
    max_body_mb: float = Field(default=32, description="The largest page body, decoded, in MiB.")
    batch_size: int = Field(
        default=10_000, description="Records of a landed block: the unit of progress and loading."
    )
    max_rejected_share: float | None = Field(
        default=None, description="Stop before the table is touched when more than this share is rejected."
    )
    target: TargetSpec = Field(description="The Postgres table.")
    watermark_key: str | None = Field(
        default=None, description="Key in sync_metadata (default: last_<source>_sync)."
    )
    keep_landed_days: float = Field(default=7, description="How long landed files are kept.")
    schedule: str | ScheduleSpec | None = Field(
        default=None, description="A cron expression, or {cron, status}."
    )

    @field_validator("source")
    @classmethod
    def _source_is_a_noun(cls, source: str) -> str:
        if not _NOUN.fullmatch(source):
            raise ValueError(
                "source is a lower-case noun of letters, digits and _ (at most 40), such as `orders`"
            )
        return source

    @field_validator("page_size", "batch_size")
    @classmethod
    def _at_least_one(cls, count: int) -> int:
        if count < 1:
            raise ValueError("this is a count of at least 1")
        return count

    @field_validator("timeout_s", "max_body_mb", "keep_landed_days", "max_retry_after_s")
    @classmethod
    def _positive(cls, amount: float) -> float:
        if amount <= 0:
            raise ValueError("this is more than 0")
        return amount

    @field_validator("columns")
    @classmethod
    def _columns_are_sql(cls, columns: dict[str, str | ColumnSpec]) -> dict[str, str | ColumnSpec]:
        for name, column in columns.items():
            try:
                require_name(name, "column")
            except ValueError as error:
                raise MisfitError((name,), str(error)) from error
            if name in PLATFORM_COLUMNS:
                raise MisfitError(
                    (name,), f"column `{name}` is the platform's own: {', '.join(sorted(PLATFORM_COLUMNS))}"
                )
            if name in _STAGING_COLUMNS:
                raise MisfitError(
                    (name,),
                    f"a column cannot be called `{name}`, loading uses that name: choose another than "
                    f"{', '.join(sorted(_STAGING_COLUMNS))}",
                )
            if isinstance(column, str):
                try:
                    require_sql(column)
                except ValueError as error:
                    raise MisfitError((name,), f"column `{name}`: {error}") from error
        return columns

    @field_validator("max_missing_share", "max_rejected_share")
    @classmethod
    def _share_is_a_share(cls, share: float | None) -> float | None:
        if share is not None and not 0 <= share <= 1:
            raise ValueError("a share is between 0 and 1, such as 0.2 for 20 %")
        return share

    @field_validator("schedule")
    @classmethod
    def _cron_is_valid(cls, schedule: str | ScheduleSpec | None) -> str | ScheduleSpec | None:
        cron = schedule.cron if isinstance(schedule, ScheduleSpec) else schedule
        if cron is not None and not is_cron(cron):
            raise ValueError(f"`{cron}` is no cron expression of five fields, such as `0 * * * *`")
        return schedule

    @model_validator(mode="after")
    def _target_fits(self) -> Self:
        if self.target.key not in self.columns or self.target.key == CHANGE_COLUMN:
            raise MisfitError(
                ("target", "key"),
                f"target.key `{self.target.key}` is none of the columns: {', '.join(self.columns)}",
            )
        if CHANGE_COLUMN in self.columns and self.incremental is not None and self.incremental.is_time:
            raise MisfitError(
                ("columns", CHANGE_COLUMN),
                f"column `{CHANGE_COLUMN}` comes from incremental.field: leave it out here",
            )
        kind = self.change_column.type if self.change_column else None
        if kind not in (None, "timestamptz"):
            raise MisfitError(
                ("columns", CHANGE_COLUMN), f"column `{CHANGE_COLUMN}` is a timestamptz, not {kind}"
            )
        return self

    @model_validator(mode="after")
    def _paging_fits(self) -> Self:
        if self.max_concurrent_pages is not None and not self.is_concurrent:
            raise MisfitError(
                ("max_concurrent_pages",),
                "max_concurrent_pages fits only pagination `page` and `offset` with an exact total: "
                "other pages are known one after the other",
            )
        try:
            self.pagination.require_driver_in(self.request)
        except ValueError as error:
            raise MisfitError(("request",), str(error)) from error
        return self

    @model_validator(mode="after")
    def _incremental_fits(self) -> Self:
        used = self.request.placeholders()
        if self.incremental is None:
            if used & {"since", "until"}:
                raise MisfitError(
                    ("request",),
                    "the request uses {since} or {until}, so `incremental` must say what they are",
                )
        elif self.incremental.token is not None:
            if "until" in used:
                raise MisfitError(
                    ("request",), "the request uses {until}, but a `token` has no end: leave it out"
                )
            if not used & {"since", "cursor"} and self.pagination.type not in _URL_PAGINATIONS:
                raise MisfitError(
                    ("incremental", "token"),
                    "incremental.token has no place in the request: write {since} where the token goes, or "
                    f"use pagination {' or '.join(_URL_PAGINATIONS)}, where it is the first URL",
                )
        if self.pagination.max_records is not None and not (self._has_cursor and {"since", "until"} <= used):
            raise MisfitError(
                ("pagination", "max_records"),
                "pagination.max_records cuts a window in halves, so it needs incremental.field, and {since} "
                "and {until} in the request",
            )
        return self

    @model_validator(mode="after")
    def _deletions_fit(self) -> Self:
        settable = [name for name in self.column_specs if name != self.target.key]
        unknown = [name for name in (self.deleted.set if self.deleted else ()) if name not in settable]
        if unknown:
            raise MisfitError(
                ("deleted", "set", unknown[0]),
                f"deleted.set `{unknown[0]}` is none of the columns: {', '.join(settable)}",
            )
        if self.on_missing == "deactivate" and self.deleted is None and "status" not in settable:
            raise MisfitError(
                ("on_missing",),
                "on_missing: deactivate needs to know what it sets: deleted.set, or a column called `status`",
            )
        return self

    @property
    def _has_cursor(self) -> bool:
        return self.incremental is not None and self.incremental.field is not None

    @property
    def first_day(self) -> date | None:
        """The first daily partition; None for a source that cannot be asked for a day's changes again."""
        start = self.incremental.start if self.incremental and self.incremental.is_change_time else None
        return start.date() if isinstance(start, datetime) else None

    @property
    def is_partitioned(self) -> bool:
        """Whether the source has a time of change, and so daily partitions."""
        return self.first_day is not None

    @property
    def cursor_path(self) -> JsonPath | None:
        """Where a record holds its cursor; `incremental.field` may be the name of one of `fields`."""
        name = self.incremental.cursor_name if self.incremental is not None else None
        if self.incremental is None or name is None:
            return None
        return self.field_specs[name].path if name in self.fields else self.incremental.field

    @property
    def change_column(self) -> ColumnSpec | None:
        """The YAML's own `source_updated_at`, where it has one."""
        column = self.columns.get(CHANGE_COLUMN)
        return ColumnSpec(sql=column) if isinstance(column, str) else column

    @property
    def missing_values(self) -> Mapping[str, Literally]:
        """What is set in rows that a proven full sync did not bring; empty where they are kept."""
        if self.on_missing == "keep":
            return {}
        return self.deleted.set if self.deleted else {"status": "inactive"}

    @property
    def watermark_name(self) -> str:
        """The watermark's key in sync_metadata."""
        return self.watermark_key or f"last_{self.source}_sync"

    @property
    def provenance_name(self) -> str:
        """What a row's `metadata.source` says."""
        return self.provenance or self.source

    @property
    def is_concurrent(self) -> bool:
        """Whether all pages are known after the first, so that they can be read at once."""
        total = self.pagination.total
        return self.pagination.type in ("page", "offset") and total is not None and total.exact

    @property
    def has_since_filter(self) -> bool:
        """Whether the API can be asked for changes since a time."""
        return self.incremental is not None and "since" in self.request.placeholders()

    @property
    def field_specs(self) -> dict[str, FieldSpec]:
        """Every field in its long form."""
        return {
            name: field if isinstance(field, FieldSpec) else FieldSpec(path=field)
            for name, field in self.fields.items()
        }

    @property
    def column_specs(self) -> dict[str, ColumnSpec]:
        """Every column of the table in its long form, without `source_updated_at`."""
        return {
            name: column if isinstance(column, ColumnSpec) else ColumnSpec(sql=column)
            for name, column in self.columns.items()
            if name != CHANGE_COLUMN
        }

    @property
    def schedule_spec(self) -> ScheduleSpec | None:
        """The schedule in its long form."""
        return ScheduleSpec(cron=self.schedule) if isinstance(self.schedule, str) else self.schedule
