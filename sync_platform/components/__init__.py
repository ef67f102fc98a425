"""Dagster's face of the flows: one component a kind of flow, each set up by one `defs.yaml`.

Here belong assets, checks, jobs, schedules, sensors and hooks. What they do is the engines' business: an
asset body takes its resources, calls one engine function, and returns metadata. What all flows share stands
beside the components: `turns`, `telling`, `schedules`, `launch`, `refusals`, `marks`, `abandoned`.
"""

from sync_platform.components.api_push.component import ApiPush
from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.workflow.component import Workflow

__all__ = ["ApiPush", "ApiSync", "Workflow"]
