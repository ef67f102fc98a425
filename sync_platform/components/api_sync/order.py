"""What a run was launched for, decided from how it was launched (DESIGN 4.1).

Pure: a job without config is incremental, what a person chose by partition is a window of exactly these
days, and config says otherwise. What an order means for the source is `pull.window`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sync_platform.pull.window import SyncOrder, SyncType


@dataclass(frozen=True, slots=True)
class Launch:
    """How a run was launched.

    Attributes:
        sync_type: what its config says, or None.
        since: explicit start from its config.
        until: explicit end from its config.
        days: first and last partition of the run, or None where it has no partition.
        is_chosen: whether somebody chose these days: Materialize, a backfill, or a range of partitions.
    """

    sync_type: SyncType | None = None
    since: datetime | None = None
    until: datetime | None = None
    days: tuple[date, date] | None = None
    is_chosen: bool = False


def order_for(launch: Launch, *, today: date) -> SyncOrder:
    """Decide which sync a launch asks for.

    Explicit times of a window say which days it covers, so the chosen partitions are left out then.
    """
    sync_type = launch.sync_type or _type_of(launch, today)
    covers_days = sync_type == "window" and launch.since is None
    return SyncOrder(
        sync_type, since=launch.since, until=launch.until, days=launch.days if covers_days else None
    )


def _type_of(launch: Launch, today: date) -> SyncType:
    """Name the type of a launch that does not say it; only today, from the job, means "what is new"."""
    if launch.days is None:
        return "incremental"
    return "window" if launch.is_chosen or launch.days != (today, today) else "incremental"
