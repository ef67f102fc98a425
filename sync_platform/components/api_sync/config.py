"""What a person may say when launching a sync: the config of the pages asset.

Without it the way of launching decides (`order`). Dagster refuses a wrong word before the run starts.
"""

from enum import Enum

import dagster as dg
from pydantic import Field

from sync_platform.components.api_sync.names import SyncNames


class SyncTypeChoice(Enum):
    """The types of a sync that can be asked for."""

    incremental = "incremental"
    window = "window"
    full = "full"


class SyncConfig(dg.Config):
    """What to sync; empty means what is new, or exactly the chosen partitions."""

    type: SyncTypeChoice | None = Field(
        default=None,
        description="incremental: what changed since the watermark. window: what changed between `since` and "
        "`until`, or in the chosen partitions; never moves the watermark. full: everything.",
    )
    since: str | None = Field(
        default=None,
        description="Start, inclusive: RFC 3339, or a date (00:00 UTC). Overrides the watermark.",
    )
    until: str | None = Field(default=None, description="End, exclusive: RFC 3339, or a date (00:00 UTC).")


def run_config_of(
    source: str, *, sync_type: str, since: str | None = None, until: str | None = None
) -> dict[str, object]:
    """The run config that asks for one sync; what is not said is left out."""
    said = {"type": sync_type, "since": since, "until": until}
    config = {name: value for name, value in said.items() if value is not None}
    return {"ops": {SyncNames(source).pages: {"config": config}}}
