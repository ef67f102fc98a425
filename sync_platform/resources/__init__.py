"""Dagster's face of settings, warehouse and alerts: what a run takes, found when it first needs it.

Nothing here is contacted or read when definitions load. What lives as long as a run, such as a lock or an
embedded server that the run started, ends with it.
"""

from sync_platform.resources.alerts import AlertsResource
from sync_platform.resources.settings import SettingsResource
from sync_platform.resources.warehouse import WarehouseResource

__all__ = ["AlertsResource", "SettingsResource", "WarehouseResource", "default_resources"]


def default_resources() -> dict[str, object]:
    """The resources of the code location by key; each is found anew by every run."""
    return {
        "settings": SettingsResource(),
        "warehouse": WarehouseResource(),
        "alerts": AlertsResource(),
    }
