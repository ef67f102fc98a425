"""What a push's YAML may say: the schema of `ApiPush`, validated before anything runs.

Here belong the words of the grammar that the push engine owns, and the rules between them. The words of
HTTP that all flows share (auth, retries, paths) stand in `sync_platform.api.spec`. Nothing here reads the
environment or contacts anything.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from sync_platform.api.json_path import JsonPath
from sync_platform.api.spec import AuthSpec, NoAuth, RetrySpec, Scalar

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SOURCE = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)+")
_CRON_FIELDS = 5

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Spec(BaseModel):
    """A frozen part of the grammar that refuses unknown words."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PushRequestSpec(_Spec):
    """The request of one item; `{column}` stands for a column of the source, `${NAME}` for a variable."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="HTTP method."
    )
    url: str = Field(
        description="The whole URL; `{column}` may stand in its path, percent-encoded when filled."
    )
    params: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict, description="Query parameters; one whose column is null is left out."
    )
    headers: dict[str, Scalar] = Field(default_factory=dict, description="Headers beside those of auth.")
    json_body: JsonValue = Field(
        default=None,
        alias="json",
        description="JSON body of any shape. A value that is one placeholder keeps its type, null included.",
    )


class PaceSpec(_Spec):
    """How fast to send: a wait after each reply, or a rate."""

    wait_s: Seconds | None = Field(
        default=None, description="Seconds from a reply to the next request (default 4); 0 is unpaced."
    )
    max_requests_per_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Requests a second, from start to start."
    )
    burst: int | None = Field(
        default=None, ge=1, description="How many requests may start at once after a quiet time (default 1)."
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.wait_s is not None and self.max_requests_per_s is not None:
            raise ValueError("wait_s and max_requests_per_s are two ways to say the pace; give one of them")
        if self.burst is not None and self.max_requests_per_s is None:
            raise ValueError("burst belongs to max_requests_per_s")
        return self


class SuccessSpec(_Spec):
    """Which answers mean that the item was taken; absent: any 2xx."""

    status: int | list[int] | None = Field(
        default=None, description="One status or several (default: any 2xx)."
    )
    body: dict[str, Scalar | list[Scalar | None] | None] = Field(
        default_factory=dict, description="PATH and the value or values that must stand there."
    )
    otherwise: Literal["dead", "retry"] = Field(
        default="dead", description="What becomes of an item whose 2xx answer does not fit."
    )

    @field_validator("body")
    @classmethod
    def _keys_are_paths(cls, body: dict[str, object]) -> dict[str, object]:
        for path in body:
            JsonPath.parse(path)
        return body


class AfterEachSpec(_Spec):
    """A step after each delivered item, once: a SQL statement or an HTTP call."""

    sql: str | None = Field(
        default=None,
        description="Statement in `sql/`, such as `push/mark_welcomed`; may bind %(customer_id)s, "
        "%(payload)s, %(target)s, %(push_id)s, %(idempotency_key)s and %(status_code)s.",
    )
    http: PushRequestSpec | None = Field(
        default=None,
        description="A request; `{customer_id}`, `{target}`, `{push_id}`, `{idempotency_key}` and "
        "`{status_code}` may stand in it. After a crash it is sent again with the same Idempotency-Key.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.sql is None) == (self.http is None):
            raise ValueError("after_each is `sql` or `http`, one of them")
        return self


class BreakerSpec(_Spec):
    """When to stop asking a receiver that is down."""

    failures: int = Field(default=5, ge=1, description="Failures in a row that open the breaker.")
    probe_s: float = Field(
        default=30, gt=0, allow_inf_nan=False, description="Seconds until one item probes an open breaker."
    )
    give_up_s: Seconds = Field(
        default=3600,
        description="Seconds without any success after which the push ends; the rest stays planned.",
    )


class SignSpec(_Spec):
    """Signed requests after Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature."""

    secret: str = Field(min_length=1, repr=False, description="`whsec_` and base64, as a ${NAME}.")


class PushScheduleSpec(_Spec):
    """When the push starts by itself."""

    cron: str = Field(description="Five fields, in the platform's time zone.")
    status: Literal["running", "stopped"] = Field(
        default="running", description="Whether it ships switched on."
    )


class ApiPushSpec(_Spec):
    """Sends each row of a query to an HTTP endpoint, one request a row, once each."""

    name: str | None = Field(
        default=None, description="The push's name in job, ledger and UI (default: the folder's name)."
    )
    description: str | None = Field(default=None, description="What a newcomer reads in the UI.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets, such as team:data.")
    source: str = Field(description="The query: a file in `sql/`, such as `push/customers`.")
    deps: list[str] = Field(default_factory=list, description="Assets that the query reads, such as `users`.")
    source_asset: str | None = Field(
        default=None, description="Name of the query's asset (default: the file's name)."
    )
    deliveries_asset: str | None = Field(
        default=None,
        description="Name of the deliveries' asset (default: `customer_push` gives `customer_deliveries`).",
    )
    key: str = Field(description="The column that tells one row from another; it must be unique.")
    request: PushRequestSpec = Field(description="The request of one item.")
    auth: AuthSpec = Field(default_factory=NoAuth, description="How to authenticate.")
    sign: SignSpec | None = Field(default=None, description="Sign each request (Standard Webhooks).")
    idempotency_header: str = Field(
        default="Idempotency-Key",
        min_length=1,
        description="The header that carries the stable key of a delivery.",
    )
    pace: PaceSpec = Field(
        default_factory=PaceSpec, description="How fast to send (default: 4 s between two)."
    )
    max_in_flight: int = Field(default=1, ge=1, le=1000, description="Requests at the same time.")
    timeout_s: float = Field(
        default=30,
        gt=0,
        allow_inf_nan=False,
        description="Bounds one request, from connecting to the last byte.",
    )
    retries: RetrySpec = Field(
        default_factory=RetrySpec,
        description="Tries of an item after the first, and the base of their backoff.",
    )
    send: Literal["changed", "all"] = Field(
        default="changed",
        description="changed: what differs from the last delivered payload. all: everything, once a round.",
    )
    limit: int | None = Field(default=None, ge=1, description="At most this many items a push.")
    dry_run: bool = Field(default=False, description="Show what would be sent, masked, and send nothing.")
    success: SuccessSpec | None = Field(
        default=None, description="Which answers mean success (default: 2xx)."
    )
    after_each: AfterEachSpec | None = Field(default=None, description="A step after each delivered item.")
    in_doubt: Literal["resend", "park"] = Field(
        default="resend",
        description="What to do with an item that may have arrived: resend it with the same key, or park it.",
    )
    breaker: BreakerSpec = Field(default_factory=BreakerSpec, description="When to stop asking.")
    schedule: str | PushScheduleSpec | None = Field(
        default=None, description="Cron of five fields, or {cron, status}; absent: started by hand."
    )

    @field_validator("name", "source_asset", "deliveries_asset")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"`{name}` is no name: small letters, digits and _, beginning with a letter")
        return name

    @field_validator("source")
    @classmethod
    def _is_a_statement(cls, source: str) -> str:
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"`{source}` names no file in sql/; write it as `push/customers`, without .sql")
        return source

    @field_validator("schedule")
    @classmethod
    def _cron_is_valid(cls, schedule: str | PushScheduleSpec | None) -> str | PushScheduleSpec | None:
        cron = schedule.cron if isinstance(schedule, PushScheduleSpec) else schedule
        if cron is not None and len(cron.split()) != _CRON_FIELDS:
            raise ValueError(f"`{cron}` is no cron expression of five fields, such as `0 6 * * *`")
        return schedule

    @property
    def schedule_spec(self) -> PushScheduleSpec | None:
        """The schedule in its long form."""
        return PushScheduleSpec(cron=self.schedule) if isinstance(self.schedule, str) else self.schedule
