"""The YAML's schema as Dagster sees it: the engine's spec, whose refusals a person can read."""

from sync_platform.components.refusals import ReadableRefusals
from sync_platform.pull.spec import ApiSyncSpec


class ApiSyncAttributes(ReadableRefusals, ApiSyncSpec):
    """The attributes of one `ApiSync`."""
