"""Runs whose process is gone: found and closed by the next run that gets their lock.

A run that is killed outright cannot say so, and the default launcher does not watch its processes. Each
run notes its process in a tag; who holds the lock closes what the dead left open.
"""

import os
import socket

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from sync_platform.home.running import ProcessMark

PROCESS_TAG = ".dagster/sync_platform_process"  # the prefix keeps it off the pages that people read
"""Which process works on a run, so that the next one can tell whether a silent one is dead."""


class _Worker(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    process: ProcessMark


def note_own_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Write into a run's tags which process works on it; a rerun overwrites it."""
    worker = _Worker(host=socket.gethostname(), process=ProcessMark.of(os.getpid()))
    instance.add_run_tags(run_id, {PROCESS_TAG: worker.model_dump_json()})


def is_at_work(run: dg.DagsterRun) -> bool | None:
    """Tell whether a run's process lives; None where nobody here can know: no note, or another host."""
    try:
        worker = _Worker.model_validate_json(run.tags.get(PROCESS_TAG, ""))
    except ValidationError:
        return None
    return worker.process.living() is not None if worker.host == socket.gethostname() else None


def close_in_dagster(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Mark a run as failed whose process is gone, and return whether it was; call it with the lock held.

    Where nobody can know, the lock decides: its holder would have it. A rerun changes nothing.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished or is_at_work(run):
        return False
    instance.report_run_failed(run, "The process of this run was killed; the next run found it.")
    return True
