"""What a workflow's YAML may say: the schema of `Workflow`, validated before anything runs.

Here belong steps and the whole. What the words ask of one another (the order of steps, where a variable comes
from) stands in `order` and `references`, what each part may say in `grammar`.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from sync_platform.vocabulary import MisfitError
from sync_platform.workflow import order, references
from sync_platform.workflow.grammar import (
    ActionSpec,
    AfterSpec,
    EdgeSpec,
    HashedIdentifierSpec,
    Http,
    Name,
    PositiveSeconds,
    PushStep,
    PushStepSpec,
    RescheduleSpec,
    RetrySpec,
    Spec,
    Statement,
    TriggerSpec,
    WorkflowScheduleSpec,
)

__all__ = [
    "ActionSpec",
    "AfterSpec",
    "EdgeSpec",
    "PushStepSpec",
    "RescheduleSpec",
    "RetrySpec",
    "StepSpec",
    "TriggerSpec",
    "WorkflowScheduleSpec",
    "WorkflowSpec",
]


class StepSpec(Spec):
    """One step; exactly one of sql, http, push and sync."""

    name: Name = Field(description="The step's name, which is also its asset's.")
    description: str | None = Field(default=None, description="What a newcomer reads in the UI.")
    deps: list[str] = Field(default_factory=list, description="Assets that it reads, such as `customers`.")
    sql: Statement | None = Field(
        default=None,
        description="A file in `sql/`; binds variables as %(name)s. Done in one transaction with its mark.",
    )
    identifiers: dict[str, str | HashedIdentifierSpec] = Field(
        default_factory=dict,
        description="What `{name}` in the SQL file stands for: an identifier, quoted; no value is put in "
        "this way. With it, a literal brace in the file is doubled.",
    )
    save: str | None = Field(
        default=None, description="The variable that the first column of the first row is saved to."
    )
    report: Statement | None = Field(
        default=None,
        description="A query whose first row the UI shows with the done step, numbers plotted; binds "
        "%(key)s. Figures only: what it returns stays in Dagster's event log.",
    )
    http: Http | None = Field(default=None, description="One request.")
    push: PushStep | None = Field(
        default=None, description="A bulk send, or the name of an `ApiPush` that runs here."
    )
    sync: str | None = Field(default=None, description="The name of an `ApiSync` that runs here.")
    variables: dict[str, JsonValue] = Field(
        default_factory=dict, description="This step's own; they win over the workflow's."
    )
    timeout_s: PositiveSeconds = Field(default=3600, description="A try that takes longer is stopped.")
    retry: RetrySpec = Field(default_factory=RetrySpec, description="Tries of a failed step in the same run.")
    after: Annotated[
        AfterSpec,
        BeforeValidator(
            lambda value: {"all": value} if isinstance(value, list) else value,
            json_schema_input_type=AfterSpec | list[str | EdgeSpec],
        ),
    ] = Field(
        default_factory=AfterSpec,
        description="Steps that come before: a list (all), or {any: [...]}; each a name or {step, on}.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = [word for word in ("sql", "http", "push", "sync") if getattr(self, word) is not None]
        if len(given) != 1:
            raise ValueError(f"step `{self.name}` is one of sql, http, push and sync, not {given or 'none'}")
        for word in ("save", "identifiers"):
            if word in self.model_fields_set and self.sql is None:
                raise MisfitError((word,), f"`{word}` belongs to a sql step")
        return self

    @property
    def kind(self) -> Literal["sql", "http", "push", "instance"]:
        """How the step is done."""
        if self.sql is not None:
            return "sql"
        if self.http is not None:
            return "http"
        return "push" if isinstance(self.push, PushStepSpec) else "instance"


Actions = tuple[ActionSpec, ...]


class WorkflowSpec(Spec):
    """Runs steps for each row of a query, once, along paths of success, failure and completion."""

    name: Name | None = Field(
        default=None, description="The workflow's name in job, ledger and UI (default: the folder's name)."
    )
    description: str | None = Field(default=None, description="What a newcomer reads in the UI.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets, such as team:data.")
    partitions: Name | None = Field(
        default=None, description="The dynamic partitions that the keys become (default: `<name>_keys`)."
    )
    trigger: TriggerSpec = Field(description="What is due.")
    variables: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Variables and their defaults. Then the trigger's row wins, then the schedule, then what "
        "is given at launch, then what a step saved; a step's own win over all.",
    )
    while_true: Statement | None = Field(
        default=None,
        alias="while",
        description="A query whose first value must be true for the run to go on; asked before each step and "
        "each request of a bulk send. Otherwise the run pauses; it resumes when its row is due again.",
    )
    lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=60, description="A run that gave no sign for so long is dead. It gives three in that time."
    )
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1)] = Field(description="The steps.")
    on_start: Actions = Field(default=(), description="Once an attempt, before its first step.")
    on_success: Actions = Field(default=(), description="After the last step, if no failure was unexpected.")
    on_failure: Actions = Field(
        default=(),
        description="Once a failed attempt; %(step)s, %(reason)s and %(next_attempt_at)s tell more.",
    )
    on_completion: Actions = Field(default=(), description="Once an attempt, after either of the two.")

    @model_validator(mode="after")
    def _steps_are_in_order(self) -> Self:
        order.require_order(self)
        references.require_known(self)
        return self

    @model_validator(mode="after")
    def _only_failures_are_rescheduled(self) -> Self:
        for word in ("on_start", "on_success", "on_completion"):
            for at, action in enumerate(getattr(self, word)):
                if action.reschedule is not None:
                    raise MisfitError((word, at, "reschedule"), "reschedule belongs to on_failure")
        if sum(action.reschedule is not None for action in self.on_failure) > 1:
            raise MisfitError(("on_failure",), "reschedule stands twice; give it once")
        return self

    @property
    def reschedule(self) -> RescheduleSpec | None:
        """When a failed run is tried again, if at all."""
        return next((one.reschedule for one in self.on_failure if one.reschedule is not None), None)

    def step(self, name: str) -> StepSpec:
        """Return a step by its name."""
        return next(step for step in self.steps if step.name == name)
