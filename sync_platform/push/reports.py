"""What a push is given, and what it reports: the shapes between Dagster, the workflow and the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync_platform.api.clock import SYSTEM_CLOCK, Clock
from sync_platform.push.account import Account, Status
from sync_platform.push.gate import Gate
from sync_platform.push.spec import ApiPushSpec
from sync_platform.warehouse.address import DatabaseAddress


@dataclass(frozen=True, slots=True)
class PushContext:
    """What a push needs from outside. Whoever calls holds the lock of the target meanwhile.

    Attributes:
        spec: the push's YAML.
        target: the push's name in the ledger.
        address: the database of source and ledger.
        environment: what `${NAME}` in the YAML is looked up in.
        run_id: the run, which ties log, ledger and UI together.
        log: tells a person one line.
        now: the clock; UTC.
        parameters: what the source's SQL binds, if anything.
        constants: values that the request may use as if every row had them; a column of the same name wins.
        gate: asked right before each request whether it may go out; None lets all pass.
        halted: why the push must come to rest now, or None; asked all the time, so it never blocks.
        clock: what paces; tests turn it. What holds across pushes goes by the database's clock.
    """

    spec: ApiPushSpec
    target: str
    address: DatabaseAddress
    environment: Mapping[str, str]
    run_id: str
    log: Callable[[str], None]
    now: Callable[[], datetime]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    gate: Gate | None = None
    halted: Callable[[], str | None] = lambda: None
    clock: Clock = SYSTEM_CLOCK


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What the source's query returns now.

    Attributes:
        rows: how many.
        columns: name and Postgres type, in order.
        seconds: how long it took.
    """

    rows: int
    columns: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class PushReport:
    """How one push ended, as written to push_logs.

    Attributes:
        push_id: its start in nanoseconds.
        status: the worst that applies.
        account: where every selected customer ended.
        requests: how many were sent, retries included.
        after_each_pending: delivered customers whose step is still to be done.
        reason: why it ended before everything was sent, or None.
        duration_seconds: from plan to end.
        rate_per_s: deliveries a second while sending.
        samples: of a dry run: whom it would send to and what, masked.
    """

    push_id: int
    status: Status
    account: Account
    requests: int
    after_each_pending: int
    reason: str | None
    duration_seconds: float
    rate_per_s: float
    samples: tuple[Mapping[str, str], ...] = ()
