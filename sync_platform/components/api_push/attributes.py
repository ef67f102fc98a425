"""The YAML's schema as Dagster sees it: the engine's spec, whose refusals a person can read.

Here belongs what only loading can tell: whether the SQL files that the YAML names are there.
"""

from pydantic import field_validator

from sync_platform.components.refusals import ReadableRefusals
from sync_platform.push.spec import AfterEachSpec, ApiPushSpec
from sync_platform.warehouse.statements import sql_folder


class ApiPushAttributes(ReadableRefusals, ApiPushSpec):
    """The attributes of one `ApiPush`."""

    @field_validator("source")
    @classmethod
    def _query_is_there(cls, source: str) -> str:
        _require_statement(source)
        return source

    @field_validator("after_each")
    @classmethod
    def _step_is_there(cls, after_each: AfterEachSpec | None) -> AfterEachSpec | None:
        if after_each is not None and after_each.sql is not None:
            _require_statement(after_each.sql)
        return after_each


def _require_statement(name: str) -> None:
    if not (sql_folder() / f"{name}.sql").is_file():
        raise ValueError(f"there is no file sql/{name}.sql; write it, or name another one")
