"""Dagster's face of the flows: one component a kind of flow, each set up by one `defs.yaml`.

Here belong assets, checks, jobs, schedules, sensors and hooks. What they do is the engines' business: an
asset body takes its resources, calls one engine function, and returns metadata.
"""

from sync_platform.components.api_sync.component import ApiSync

__all__ = ["ApiSync"]
