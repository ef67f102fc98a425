"""The parts of a workflow's YAML: edges, requests, bulk sends, actions, the trigger.

Here belongs what each word may say by itself; steps and the whole stand in `spec`. Nothing here reads the
environment or contacts anything; the SQL files that are named are read, because a missing one is a mistake
in the YAML.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    field_validator,
    model_validator,
)

from sync_platform.api.spec import AuthSpec, NoAuth
from sync_platform.push.spec import ApiPushSpec, PaceSpec, PushRequestSpec, SignSpec, SuccessSpec
from sync_platform.vocabulary import MisfitError, PermanentError
from sync_platform.warehouse.statements import statement

On = Literal["success", "failure", "completion"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STATEMENT = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)+")
_SOURCE = re.compile(r"[a-z0-9_]+(/([a-z0-9_]+|\{[a-z_][a-z0-9_]*\}))+")
_CRON_FIELDS = 5
_NOT_IN_A_STEP = (
    "name",
    "description",
    "owners",
    "deps",
    "source_asset",
    "deliveries_asset",
    "schedule",
    "limit",
    "dry_run",
)


def _require_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"`{name}` is no name: small letters, digits and _, beginning with a letter")
    return name


def _require_statement(name: str) -> str:
    if not _STATEMENT.fullmatch(name):
        raise ValueError(f"`{name}` names no file in sql/; write it as `invoices/overdue`, without .sql")
    try:
        statement(name)
    except PermanentError as error:
        raise ValueError(str(error)) from error
    return name


Name = Annotated[str, AfterValidator(_require_name)]
Statement = Annotated[str, AfterValidator(_require_statement)]


class Spec(BaseModel):
    """A frozen part of the grammar that refuses unknown words."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class EdgeSpec(Spec):
    """An earlier step, and with which end of it this one may begin."""

    step: str = Field(description="Name of the earlier step.")
    on: On = Field(
        default="success",
        description="success, failure, or completion (either); a step that was skipped is none of them.",
    )


def _edges(value: object) -> object:
    """Write every edge in its long form. To YAML 1.1 a bare `on` is the boolean true, as a key too."""
    if not isinstance(value, list):
        return value
    return [
        {"step": one}
        if isinstance(one, str)
        else {"on" if word is True else word: inner for word, inner in one.items()}
        if isinstance(one, dict)
        else one
        for one in value
    ]


Edges = Annotated[tuple[EdgeSpec, ...], BeforeValidator(_edges)]


class AfterSpec(Spec):
    """What must have ended before a step begins: all of the edges, or any of them."""

    all: Edges = Field(default=(), description="Every one of these; a plain list means the same.")
    any: Edges = Field(default=(), description="One of these is enough; the others are not waited for.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.all and self.any:
            raise ValueError("after is a list (all of it), or `{any: [...]}`, one of them")
        return self

    @property
    def edges(self) -> tuple[EdgeSpec, ...]:
        """The edges, whichever kind they are."""
        return self.all or self.any


class RetrySpec(Spec):
    """How often a failed step is tried again at once, within the same run."""

    count: int = Field(default=0, ge=0, description="Tries after the first one.")
    delay_s: Seconds = Field(default=60, description="Seconds between two tries.")


class HashedIdentifierSpec(Spec):
    """An identifier for any value, whatever it holds: the prefix and a hash of the value."""

    prefix: str = Field(pattern=r"^[a-z_][a-z0-9_]{0,30}$", description="How the identifier begins.")
    hash_of: str = Field(description="The variable; 32 digits of its SHA-256 follow the prefix.")


class HttpSpec(Spec):
    """One HTTP request; `{variable}` stands for a variable, `${NAME}` for one of the environment."""

    request: PushRequestSpec = Field(description="method, url, params, headers, json.")
    auth: AuthSpec = Field(default_factory=NoAuth, description="How to authenticate.")
    sign: SignSpec | None = Field(default=None, description="Sign the request (Standard Webhooks).")
    success: SuccessSpec | None = Field(
        default=None, description="Which answers mean success (default: 2xx)."
    )
    idempotency_header: str = Field(
        default="Idempotency-Key", min_length=1, description="The header that carries the stable key."
    )


def _http(value: object) -> object:
    """Let method, url, params, headers and json stand beside auth, without a `request` around them."""
    if not isinstance(value, dict) or "request" in value:
        return value
    words = {"method", "url", "params", "headers", "json"}
    rest = {word: inner for word, inner in value.items() if word not in words}
    return {**rest, "request": {word: inner for word, inner in value.items() if word in words}}


Http = Annotated[HttpSpec, BeforeValidator(_http)]


def _default_pace() -> PaceSpec:
    return PaceSpec(max_requests_per_s=20)


class PushStepSpec(ApiPushSpec):
    """A bulk send to an audience that is selected once and then stays: an `ApiPush` inside a workflow."""

    source: str = Field(
        description="The audience: a file in `sql/`; a part may be a `{variable}`, the name of a file."
    )
    columns: list[str] = Field(
        default_factory=list, description="Columns of the source that the request uses beside the key."
    )
    pace: PaceSpec = Field(default_factory=_default_pace, description="How fast to send (default: 20/s).")
    suppress: Statement | None = Field(
        default=None,
        description="Asked right before each request, with %(customer_id)s: a row (first column: the reason) "
        "means that this customer is not sent to any more.",
    )

    @field_validator("source")
    @classmethod
    def _is_a_statement(cls, source: str) -> str:
        if not _SOURCE.fullmatch(source):
            raise ValueError(
                f"`{source}` names no file in sql/; write it as `invoices/debtors`, without .sql"
            )
        if "{" not in source:
            _require_statement(source)
        return source

    @model_validator(mode="after")
    def _holds_no_words_of_an_instance(self) -> Self:
        for word in _NOT_IN_A_STEP:
            if word in self.model_fields_set:
                raise MisfitError((word,), f"`{word}` belongs to a push of its own, not to a workflow's step")
        return self


def _kind_of_push(value: object) -> str:
    return "instance" if isinstance(value, str) else "body"


PushStep = Annotated[
    Annotated[str, Tag("instance")] | Annotated[PushStepSpec, Tag("body")], Discriminator(_kind_of_push)
]


class AlertSpec(Spec):
    """A message to people; `{variable}` may stand in it."""

    title: str = Field(min_length=1, description="What happened, to what.")
    body: str = Field(default="", description="The rest; by default the reason.")


def _alert(value: object) -> object:
    return {"title": value} if isinstance(value, str) else value


class RescheduleSpec(Spec):
    """When a failed run is tried again; only what is not done is redone."""

    delay_s: Seconds = Field(description="Seconds until then.")
    attempts: int = Field(ge=1, description="Failed attempts after which `failed` is final.")


class ActionSpec(Spec):
    """One thing that follows an end; exactly one of sql, http, alert and reschedule."""

    sql: Statement | None = Field(
        default=None, description="A statement, done in one transaction with its mark."
    )
    http: Http | None = Field(default=None, description="One request.")
    alert: Annotated[AlertSpec, BeforeValidator(_alert, json_schema_input_type=str | AlertSpec)] | None = (
        Field(default=None, description="Tell people, through ALERT_URLS.")
    )
    reschedule: RescheduleSpec | None = Field(default=None, description="In on_failure only: try again.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = [one for one in (self.sql, self.http, self.alert, self.reschedule) if one is not None]
        if len(given) != 1:
            raise ValueError("an action is one of sql, http, alert and reschedule")
        return self


class WorkflowScheduleSpec(Spec):
    """When the trigger's query is asked besides."""

    cron: str
    status: Literal["running", "stopped"] = "running"
    variables: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values of variables for what the schedule starts."
    )


class SensorSpec(Spec):
    """The sensor that asks the trigger's query."""

    name: Name | None = Field(default=None, description="Its name (default: `<name>_sensor`).")
    status: Literal["running", "stopped"] = "running"


class LateSpec(Spec):
    """What to do with a row whose time was over before it could run."""

    column: str = Field(description="A boolean column of the trigger's query that says so.")
    policy: Literal["skip", "launch"] = Field(
        default="skip",
        description="skip: the run is `failed`, reason `missed`, with on_failure. launch: it runs.",
    )


class TriggerSpec(Spec):
    """The query whose rows are what is due."""

    sql: Statement = Field(
        description="A file in `sql/`; binds %(now)s, %(lead_s)s and the workflow's default variables."
    )
    columns: Annotated[list[str], Field(min_length=1)] = Field(
        description="The query's columns: the first is the key, all are variables of every step."
    )
    exists: Statement | None = Field(
        default=None, description="Returns a row where %(key)s is known at all, due or not."
    )
    every_s: PositiveSeconds | None = Field(default=None, description="Ask every so many seconds (a sensor).")
    sensor: Name | SensorSpec = Field(
        default_factory=SensorSpec, description="The sensor's name, or {name, status}."
    )
    schedule: str | WorkflowScheduleSpec | None = Field(
        default=None, description="Ask at these times too: cron of five fields, or {cron, status, variables}."
    )
    timezone: str | None = Field(
        default=None, description="Of the schedule (default: SYNC_PLATFORM_TIMEZONE)."
    )
    lead_s: Seconds = Field(default=0, description="How far the schedule looks ahead; the sensor does not.")
    late: LateSpec | None = Field(
        default=None, description="How rows that come too late are told, and ended."
    )

    @field_validator("columns")
    @classmethod
    def _columns_are_names(cls, columns: list[str]) -> list[str]:
        for at, column in enumerate(columns):
            if not _COLUMN.fullmatch(column) or column in columns[:at]:
                raise MisfitError((at,), f"column `{column}` is no name, or stands there twice")
        return columns

    @field_validator("schedule")
    @classmethod
    def _cron_is_valid(cls, schedule: str | WorkflowScheduleSpec | None) -> str | WorkflowScheduleSpec | None:
        cron = schedule.cron if isinstance(schedule, WorkflowScheduleSpec) else schedule
        if cron is not None and len(cron.split()) != _CRON_FIELDS:
            raise ValueError(f"`{cron}` is no cron expression of five fields, such as `30 23 * * *`")
        return schedule

    @model_validator(mode="after")
    def _late_column_is_one(self) -> Self:
        if self.late is not None and self.late.column not in self.columns[1:]:
            raise MisfitError(
                ("late", "column"),
                f"`{self.late.column}` is none of the columns: {', '.join(self.columns[1:])}",
            )
        return self

    @property
    def key(self) -> str:
        """The column that tells one row from another."""
        return self.columns[0]

    @property
    def sensor_spec(self) -> SensorSpec:
        """The sensor in its long form."""
        return SensorSpec(name=self.sensor) if isinstance(self.sensor, str) else self.sensor

    @property
    def schedule_spec(self) -> WorkflowScheduleSpec | None:
        """The schedule in its long form."""
        return WorkflowScheduleSpec(cron=self.schedule) if isinstance(self.schedule, str) else self.schedule
