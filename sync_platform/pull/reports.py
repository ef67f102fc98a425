"""What the steps of a sync are given, and what they report: the shapes between Dagster and the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sync_platform.pull.account import Account, Proof, Status
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.watermark import Position, Watermark
from sync_platform.pull.window import SyncType
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import KeptConnection


@dataclass(frozen=True, slots=True)
class PullContext:
    """What a step needs from outside.

    Attributes:
        spec: the source's YAML.
        address: the database of tables and ledgers.
        landing_url: root of the landing zone: a path or `s3://...`.
        environment: what `${NAME}` in the YAML is looked up in.
        run_id: the Dagster run, which ties log, ledger and UI together.
        log: tells a person one line.
        now: the clock; UTC.
        connection: kept for the whole run, or None: each use makes its own.
    """

    spec: ApiSyncSpec
    address: DatabaseAddress
    landing_url: str
    environment: Mapping[str, str]
    run_id: str
    log: Callable[[str], None]
    now: Callable[[], datetime]
    connection: KeptConnection | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which landed syncs a step works on.

    Attributes:
        run_id: the sync that this run began, if this run began one.
        days: else every landed sync labelled with one of these days (first, last), in order;
            None takes all landed syncs of an unpartitioned source.
    """

    run_id: str
    days: tuple[date, date] | None


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What the read step did; one sync."""

    sync_id: int
    sync_type: SyncType
    window_since: Position | None
    window_until: Position | None
    first_day: date | None
    last_day: date | None
    pages: int
    records: int
    body_bytes: int
    expected: int | None
    distinct: int
    proof: Proof
    pages_queued: int
    errors: tuple[dict[str, object], ...]
    landing_path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NormalizeReport:
    """What the normalize step did, over all the syncs it worked on."""

    sync_ids: tuple[int, ...]
    records: int
    rows: int
    quarantined: int
    outside_window: int
    quarantine_reasons: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the load step did: one account a sync, in order."""

    accounts: Mapping[int, Account]
    seconds: float


@dataclass(frozen=True, slots=True)
class CloseReport:
    """How one sync ended, as written to sync_logs."""

    sync_id: int
    status: Status
    proof: Proof
    account: Account
    watermark_before: Watermark | None
    watermark_after: Watermark | None
    pages: int
    duration_seconds: float
