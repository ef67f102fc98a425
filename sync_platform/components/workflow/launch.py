"""How the CLI starts a workflow: the job, partition and config of the run, for a key that a person named.

Here belongs what Dagster's launch dialog would be told. Launching itself is the CLI's.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sync_platform.components.instances import component_tree
from sync_platform.components.launch import LaunchRequest, instance_named
from sync_platform.components.workflow.component import Workflow
from sync_platform.components.workflow.config import run_config_of
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.vocabulary import UsageError
from sync_platform.workflow.references import launch_names


def workflow_request(name: str, key: str, variables: Mapping[str, Any]) -> LaunchRequest:
    """Make the run of one key of a workflow.

    Args:
        name: the workflow's, or its instance's folder.
        key: a value of the trigger's first column.
        variables: by name; they win over the row.

    Raises:
        UsageError: no such workflow, or a variable that it does not have; the message lists those that are.
    """
    workflow = workflow_named(name)
    known = launch_names(workflow.spec)
    if unknown := sorted(set(variables) - known):
        allowed = ", ".join(sorted(known)) or "none"
        raise UsageError(f"{workflow.name} has no variable `{unknown[0]}` to be given. Variables: {allowed}.")
    names = WorkflowNames(workflow.name, workflow.spec)
    return LaunchRequest(
        job_name=names.job,
        partition_key=key,
        run_config=run_config_of(names.op, dict(variables)),
        tags={},
    )


def all_workflows() -> Sequence[Workflow]:
    """Every workflow that stands in `defs/`."""
    return component_tree().get_all_components(of_type=Workflow)


def workflow_named(name: str) -> Workflow:
    """Find a workflow by one of its names.

    Raises:
        UsageError: there is none; the message lists those that are.
    """
    return instance_named(name, all_workflows(), kind="workflow")


def variables_from(said: Sequence[str]) -> dict[str, Any]:
    """Read `k=v` as a person types it: a value that is JSON keeps its type, all others are text.

    Raises:
        UsageError: one has no name.
    """
    found: dict[str, Any] = {}
    for one in said:
        name, separator, value = one.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"--var {one!r} is no name=value.")
        found[name] = _typed(value)
    return found


def _typed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
