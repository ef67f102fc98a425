"""Alerts as a resource: tells whoever `ALERT_URLS` names."""

import dagster as dg

from sync_platform.alerts import send_alert
from sync_platform.settings import load_settings


class AlertsResource(dg.ConfigurableResource[None]):
    """Sends alerts; without `ALERT_URLS` nobody is told."""

    def send(self, title: str, body: str) -> bool:
        """Tell everybody; a failed alert is logged and returns False, it never fails a run."""
        urls = load_settings().alert_urls
        return send_alert([urls.get_secret_value()] if urls else [], title, body)
