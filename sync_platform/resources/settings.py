"""The environment as a resource: read when a run asks, never when definitions load."""

from collections.abc import Mapping

import dagster as dg

from sync_platform.home.environment import environment_mapping
from sync_platform.settings import Settings, load_settings


class SettingsResource(dg.ConfigurableResource[None]):
    """The platform's settings and the variables that YAML refers to."""

    def load(self) -> Settings:
        """Read the settings as they are now.

        Raises:
            SettingsError: a variable is wrong; the message names it (not retryable).
        """
        return load_settings()

    def environment(self) -> Mapping[str, str]:
        """Tell what `${NAME}` is looked up in; it holds secrets, so it is never logged."""
        return environment_mapping()
