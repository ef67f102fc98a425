"""The engine's door: what Dagster and the command line call, and nothing else."""

from sync_platform.workflow.claim import claim
from sync_platform.workflow.due import due_work, is_known
from sync_platform.workflow.recovery import Recovered, recover, recover_key
from sync_platform.workflow.run import run_workflow
from sync_platform.workflow.status import describe, describe_all

__all__ = [
    "Recovered",
    "claim",
    "describe",
    "describe_all",
    "due_work",
    "is_known",
    "recover",
    "recover_key",
    "run_workflow",
]
