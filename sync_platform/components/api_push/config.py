"""What a person may say when launching a push: the config of the deliveries asset.

Without it the YAML decides. Dagster refuses a wrong word before the run starts; a wrong combination is
refused where the YAML would be.
"""

from enum import Enum
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from sync_platform.components.api_push.names import PushNames
from sync_platform.push.spec import ApiPushSpec
from sync_platform.vocabulary import UsageError


class SendChoice(Enum):
    """What of the source can be asked for."""

    changed = "changed"
    all = "all"


class PushConfig(dg.Config):
    """What to send and how fast; empty means as the YAML says."""

    limit: int | None = Field(default=None, description="At most this many items.")
    send: SendChoice | None = Field(
        default=None,
        description="changed: what differs from the last delivered payload. all: everything, once a round.",
    )
    dry_run: bool | None = Field(
        default=None, description="Show what would be sent and to whom, masked; nothing is sent or written."
    )
    wait_s: float | None = Field(
        default=None, description="Seconds from a reply to the next request, for this push alone; 0: unpaced."
    )
    max_requests_per_s: float | None = Field(
        default=None, description="Requests a second, for this push alone, instead of a wait."
    )


def run_config_of(names: PushNames, config: PushConfig) -> dict[str, object]:
    """The run config that asks for one push; what is not said is left out."""
    return {"ops": {names.deliveries: {"config": config.model_dump(mode="json", exclude_none=True)}}}


def spec_for(spec: ApiPushSpec, config: PushConfig) -> ApiPushSpec:
    """Lay what a launch asks for over the YAML; pure.

    Raises:
        UsageError: the launch asks for what the YAML could not say either.
    """
    pace = {name: getattr(config, name) for name in ("wait_s", "max_requests_per_s")}
    asked_pace = {name: value for name, value in pace.items() if value is not None}
    asked: dict[str, Any] = {
        "limit": config.limit,
        "send": config.send and config.send.value,
        "dry_run": config.dry_run,
        "pace": asked_pace or None,
    }
    changes = {name: value for name, value in asked.items() if value is not None}
    try:
        return ApiPushSpec.model_validate({**_words(spec), **changes}) if changes else spec
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"The push cannot be launched like this: {where}: {problem['msg']}.") from None


def _words(spec: ApiPushSpec) -> dict[str, Any]:
    """What the YAML said, part by part; parts stay the checked objects that they are."""
    return {name: getattr(spec, name) for name in spec.model_fields_set}
