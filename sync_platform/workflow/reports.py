"""What a workflow is given, and what it reports: the shapes between Dagster and the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.spec import WorkflowSpec

RunStatus = Literal["running", "done", "failed", "paused"]
StepStatus = Literal["waiting", "running", "succeeded", "failed", "skipped"]
Starter = Literal["sensor", "schedule", "hand"]
InstanceKind = Literal["sync", "push"]
Why = Literal["unknown", "not_due", "running", "done", "failed", "waiting"]
MISSED = "missed"


@dataclass(frozen=True, slots=True)
class InstanceOrder:
    """Another instance that a step wants to run.

    Attributes:
        kind: `sync` or `push`.
        name: as the YAML says it.
        should_stop: asked now and then; True where the step's time is over or the run must stop.
    """

    kind: InstanceKind
    name: str
    should_stop: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """How another instance ended.

    Attributes:
        is_success: whether the step is done.
        reason: why not, or what a person should know.
        terms: its account, or other figures for the UI.
    """

    is_success: bool
    reason: str | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)


def _no_instances(order: InstanceOrder) -> InstanceOutcome:
    return InstanceOutcome(is_success=False, reason=f"nothing here can run the {order.kind} {order.name}")


@dataclass(frozen=True, slots=True)
class WorkflowContext:
    """What a workflow needs from outside.

    Attributes:
        spec: the workflow's YAML.
        name: of the workflow in the ledger.
        address: the database.
        environment: what `${NAME}` in the YAML is looked up in.
        run_id: the run, which ties log, ledger and UI together.
        log: tells a person one line.
        now: the clock of everything but leases; UTC.
        alert: sends (title, body) to people and returns whether it could.
        run_instance: runs a sync or push of another instance, within the step's time.
    """

    spec: WorkflowSpec
    name: str
    address: DatabaseAddress
    environment: Mapping[str, str]
    run_id: str
    log: Callable[[str], None]
    now: Callable[[], datetime]
    alert: Callable[[str, str], bool] = lambda _title, _body: True
    run_instance: Callable[[InstanceOrder], InstanceOutcome] = _no_instances


@dataclass(frozen=True, slots=True)
class Due:
    """One key that can be claimed now.

    Attributes:
        key: the first column, as text.
        attempt: the number that a claim would get; it belongs into the run key.
        variables: the row.
        is_late: its time was over before it could run.
    """

    key: str
    attempt: int
    variables: Mapping[str, Any]
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class DueReport:
    """What is due, and which rows of the query are of no use.

    Attributes:
        due: in the query's order.
        problems: one line a bad row; it names the row's key or place. The others go on.
    """

    due: tuple[Due, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to claim.

    Attributes:
        key: of the row.
        by: who starts it; the schedule looks ahead by `lead_s`, a hand ignores `next_attempt_at`.
        variables: given at launch; kept for later attempts of the key.
    """

    key: str
    by: Starter = "sensor"
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """A key that somebody holds.

    Attributes:
        key: of the row.
        holder: the token that every write asks for.
    """

    key: str
    holder: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this run has taken.

    Attributes:
        hold: what later writes ask for.
        attempt: the number of this claim; attempts count launches.
        variables: defaults, row, schedule and launch, in this order of precedence.
        is_missed: the row came too late and the policy is to skip.
    """

    hold: Hold
    attempt: int
    variables: Mapping[str, Any]
    is_missed: bool = False

    @property
    def key(self) -> str:
        """The key that was taken."""
        return self.hold.key


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that could not be taken; nothing was written.

    Attributes:
        key: that was asked for.
        why: `unknown` is wrong usage; all others are nothing to do.
        message: for a person.
    """

    key: str
    why: Why
    message: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """Where one step stands.

    Attributes:
        step: its name; actions are `on_failure.1` and so on.
        status: see the type.
        attempt: in which it came there; 0 while it waits.
        started_at: of the last try, or None.
        finished_at: or None.
        error: why it failed, or why it is skipped.
        account: of a bulk send, else None.
        terms: of another instance, else empty.
    """

    step: str
    status: StepStatus
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    account: AudienceAccount | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """How long it took, or None."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class WorkflowReport:
    """How one attempt ended, or how a key stands.

    Attributes:
        key: of the row.
        attempt: the last one; attempts count launches.
        status: of the run.
        reason: why it failed or paused, or None.
        failed_step: the step that failed it, or None.
        next_attempt_at: when it is tried again; None with `failed` means never by itself.
        started_at: of the last attempt.
        finished_at: or None while it runs.
        steps: in the YAML's order.
        actions: of the last attempt.
    """

    key: str
    attempt: int
    status: RunStatus
    reason: str | None
    failed_step: str | None
    next_attempt_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    steps: tuple[StepReport, ...]
    actions: tuple[StepReport, ...]

    @property
    def duration_seconds(self) -> float | None:
        """How long the last attempt took, or None while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()
