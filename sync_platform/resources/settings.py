"""The environment as a resource: read when a run first asks, never when definitions load."""

from collections.abc import Mapping

import dagster as dg
from pydantic import PrivateAttr

from sync_platform.home.environment import environment_mapping
from sync_platform.settings import Settings, load_settings


class SettingsResource(dg.ConfigurableResource[None]):
    """The platform's settings and the variables that YAML refers to; the same for all steps of a run."""

    _settings: Settings | None = PrivateAttr(default=None)
    _environment: Mapping[str, str] | None = PrivateAttr(default=None)

    def load(self) -> Settings:
        """Read the settings as they were when this run first asked.

        Raises:
            SettingsError: a variable is wrong; the message names it (not retryable).
        """
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    def environment(self) -> Mapping[str, str]:
        """Tell what `${NAME}` is looked up in; it holds secrets, so it is never logged."""
        if self._environment is None:
            self._environment = environment_mapping()
        return self._environment
