"""The YAML's schema as Dagster sees it: the engine's spec, with refusals that say what is allowed."""

from sync_platform.components.refusals import ReadableRefusals
from sync_platform.workflow.spec import WorkflowSpec


class WorkflowAttributes(ReadableRefusals, WorkflowSpec):
    """The attributes of one `Workflow`."""
