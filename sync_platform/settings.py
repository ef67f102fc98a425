"""The environment, read once and validated: what the platform may be told from outside.

Here belong the names, defaults and checks of every environment variable of the contract. Nothing is read at
import, nothing is contacted. What a YAML file refers to as `${NAME}` is told by `home.environment`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sync_platform.vocabulary import SettingsError

_DOTENV_PATH = Path(".env")


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError from error
    return name


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    # Reading the port is what finds one that is no number.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    return url


def _folder(path: Path) -> Path:
    absolute = path.expanduser().absolute()
    nearest = next(parent for parent in (absolute, *absolute.parents) if parent.exists())
    if not nearest.is_dir():
        raise ValueError
    return absolute


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Folder = Annotated[Path, BeforeValidator(_trimmed), AfterValidator(_folder)]
HttpUrl = Annotated[str, BeforeValidator(_trimmed), AfterValidator(_http_url)]
TimeZoneName = Annotated[str, BeforeValidator(_trimmed), AfterValidator(_known_time_zone)]

_HTTP_URL_RULE = "an http:// or https:// URL"
_FOLDER_RULE = "the path of a folder, which is created when it is missing"


class Settings(BaseSettings):
    """The validated environment; every field may be missing.

    A field's alias is the variable's name, its description is what the variable may hold, which is also what
    the error message says.
    """

    model_config = SettingsConfigDict(
        case_sensitive=True,
        env_file=_DOTENV_PATH,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="a postgresql:// URL; unset: embedded Postgres"
    )
    home: Folder = Field(
        Path(".sync_platform"),
        validation_alias="SYNC_PLATFORM_HOME",
        description=_FOLDER_RULE,
        validate_default=True,
    )
    dagster_home_override: Folder | None = Field(
        None, validation_alias="DAGSTER_HOME", description=_FOLDER_RULE
    )
    port: int = Field(
        3000,
        validation_alias="SYNC_PLATFORM_PORT",
        ge=1,
        le=65535,
        description="a whole number from 1 to 65535",
    )
    timezone: TimeZoneName = Field(
        "UTC",
        validation_alias="SYNC_PLATFORM_TIMEZONE",
        description="an IANA time zone name such as Europe/Berlin",
    )
    landing_url_override: str | None = Field(
        None, validation_alias="LANDING_URL", description="a path or an s3:// URL"
    )
    external_api_url: HttpUrl | None = Field(
        None, validation_alias="EXTERNAL_API_URL", description=_HTTP_URL_RULE
    )
    external_api_token: SecretStr | None = Field(None, validation_alias="EXTERNAL_API_TOKEN")
    customer_push_url: HttpUrl | None = Field(
        None, validation_alias="CUSTOMER_PUSH_URL", description=_HTTP_URL_RULE
    )
    customer_push_token: SecretStr | None = Field(None, validation_alias="CUSTOMER_PUSH_TOKEN")
    campaign_cms_url: HttpUrl | None = Field(
        None, validation_alias="CAMPAIGN_CMS_URL", description=_HTTP_URL_RULE
    )
    campaign_cache_url: HttpUrl | None = Field(
        None, validation_alias="CAMPAIGN_CACHE_URL", description=_HTTP_URL_RULE
    )
    campaign_notify_url: HttpUrl | None = Field(
        None, validation_alias="CAMPAIGN_NOTIFY_URL", description=_HTTP_URL_RULE
    )
    alert_urls: SecretStr | None = Field(None, validation_alias="ALERT_URLS", description="Apprise URLs")

    @property
    def dagster_home(self) -> Path:
        """The folder of `dagster.yaml` and the compute logs."""
        return self.dagster_home_override or self.home / "dagster"

    @property
    def landing_url(self) -> str:
        """Where raw pages land: a path or an object store's URL."""
        return self.landing_url_override or str(self.home / "landing")


def load_settings() -> Settings:
    """Read the environment and the working directory's `.env` as they are now.

    Raises:
        SettingsError: a value is wrong; one line names the variable and what it may hold, never the value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_readable(error)) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_DOTENV_PATH.absolute()} is not UTF-8 text; save it as UTF-8.") from error


def set_variables() -> dict[str, str]:
    """Every variable that is set: those of the environment over those of `.env`; an empty one is unset."""
    return {**_set_values(dotenv_values(_DOTENV_PATH, encoding="utf-8")), **_set_values(os.environ)}


def _set_values(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _readable(error: ValidationError) -> str:
    rules = {field.validation_alias: field.description for field in Settings.model_fields.values()}
    names = [str(problem["loc"][0]) for problem in error.errors(include_url=False, include_input=False)]
    wrong = "; ".join(f"{name} must be {rules[name]}" for name in dict.fromkeys(names))
    return f"{wrong}. Correct it in the environment or in .env."
