"""Specs that the tests of this room start from."""

from pathlib import Path
from typing import Any

from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.components.api_push.attributes import ApiPushAttributes

CUSTOMERS_YAML = Path(__file__).parents[4] / "sync_platform" / "defs" / "customer_push" / "defs.yaml"


def push_attributes(**changes: object) -> dict[str, Any]:
    attributes: dict[str, Any] = safe_load_yaml(CUSTOMERS_YAML.read_text(encoding="utf-8"))["attributes"]
    return {name: value for name, value in (attributes | changes).items() if value is not None}


def push_spec(**changes: object) -> ApiPushAttributes:
    return ApiPushAttributes.model_validate(push_attributes(**changes))
