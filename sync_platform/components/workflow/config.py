"""What a person may say when launching a workflow: values of its variables."""

from typing import Any

import dagster as dg
from pydantic import Field


class WorkflowConfig(dg.Config):
    """Values of variables; empty means those of the row and the defaults."""

    variables: dict[str, Any] = Field(
        default={}, description="Variables by name; they win over the row and over the defaults."
    )


def run_config_of(op: str, variables: dict[str, Any]) -> dict[str, object]:
    """The run config that gives some variables; none where there is nothing to say."""
    return {"ops": {op: {"config": {"variables": variables}}}} if variables else {}
