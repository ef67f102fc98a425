"""Specs that the tests of this room start from."""

from pathlib import Path
from typing import Any

from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.components.api_sync.attributes import ApiSyncAttributes

USERS_YAML = Path(__file__).parents[3] / "sync_platform" / "defs" / "users_sync" / "defs.yaml"


def users_attributes(**changes: object) -> dict[str, Any]:
    attributes: dict[str, Any] = safe_load_yaml(USERS_YAML.read_text(encoding="utf-8"))["attributes"]
    return {name: value for name, value in (attributes | changes).items() if value is not None}


def users_spec(**changes: object) -> ApiSyncAttributes:
    return ApiSyncAttributes.model_validate(users_attributes(**changes))


def unpartitioned_spec() -> ApiSyncAttributes:
    request = {"path": "/tags", "params": {"page": "{page}", "limit": "{page_size}"}}
    return users_spec(source="tags", incremental=None, request=request)
