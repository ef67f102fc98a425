"""Running a Dagster job in this process, on the instance that the UI shows.

Here belongs what the UI's launch button would do otherwise. The run says from which code location it comes,
so that the UI links it to job, assets and schedule.
"""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from sync_platform.cli.garbage import keep_all
from sync_platform.components.launch import LaunchRequest
from sync_platform.components.turns import SETTINGS_KEY
from sync_platform.definitions import defs
from sync_platform.home.instance import CODE_LOCATION, DEFINITIONS_MODULE

_PARTITION_TAG = "dagster/partition"
_KEEP_CONNECTIONS_S, _MORE_CONNECTIONS = 3600, 5
# Dagster would capture a step's output in files, and copy it back by a process that may miss its end.
_OUTPUT_STAYS_HERE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
_QUIET_CONSOLE = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: Dagster's id of it.
        is_success: whether every step succeeded.
        reason: why the first failed step failed, in one line; None after a success.
        is_settings_error: whether it failed because a variable is missing or wrong.
        observed: what the run said last of an asset that it observed.
    """

    run_id: str
    is_success: bool
    reason: str | None
    is_settings_error: bool
    observed: Mapping[str, Any]


def run_here(request: LaunchRequest, lines: logging.Handler) -> RunOutcome:
    """Create the requested run and execute it in this process. DAGSTER_HOME must be prepared.

    A rerun is another run; that it does nothing twice is the engine's promise.

    Args:
        request: the job, and what its launch dialog would be told.
        lines: where the steps' log lines go.
    """
    repository = defs.get_repository_def()
    job = repository.get_job(request.job_name)
    partition = {} if request.partition_key is None else {_PARTITION_TAG: request.partition_key}
    with warnings.catch_warnings(), _instance(lines) as instance:
        # The lock file pins the version whose beta features were tested; a reader needs no warning.
        warnings.simplefilter("ignore", dg.BetaWarning)
        keep_all()
        run = instance.create_run_for_job(
            job_def=job,
            run_config={**_QUIET_CONSOLE, **request.run_config},
            tags={**job.run_tags, **request.tags, **partition},
            remote_job_origin=_origin(repository.name, request.job_name),
        )
        result = execute_run(InMemoryJob(job), run, instance)
        events = result.all_events
        return RunOutcome(
            run_id=run.run_id,
            is_success=result.success,
            reason=None if result.success else _reason(events),
            is_settings_error=any(map(_is_settings_error, events)),
            observed=_last_observation(events),
        )


def upgrade_storage() -> None:
    """Bring Dagster's own tables to this version of Dagster; a rerun changes nothing."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()


def _instance(lines: logging.Handler) -> dg.DagsterInstance:
    # Dagster takes handlers as logging.config writes them, where "()" is a factory.
    handlers = {"sync_platform": {"()": lambda: lines}}
    ref = InstanceRef.from_dir(
        os.environ["DAGSTER_HOME"],
        overrides={
            "python_logs": {"dagster_handler_config": {"handlers": handlers}},
            "compute_logs": _OUTPUT_STAYS_HERE,
        },
    )
    instance = dg.DagsterInstance.from_ref(ref)
    # Dagster's storage connects anew for every event unless it is told to keep connections, as for its UI.
    instance.optimize_for_webserver(
        statement_timeout=0, pool_recycle=_KEEP_CONNECTIONS_S, max_overflow=_MORE_CONNECTIONS
    )
    _remember_columns(instance.event_log_storage)
    return instance


def _remember_columns(storage: EventLogStorage) -> None:
    """Look up what columns Dagster's own tables have once a run; Dagster does before each materialization."""
    for question in ("has_asset_key_col", "has_table"):
        setattr(storage, question, cache(getattr(storage, question)))


def _origin(repository_name: str, job_name: str) -> RemoteJobOrigin:
    target = LoadableTargetOrigin(module_name=DEFINITIONS_MODULE, working_directory=str(Path.cwd()))
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=CODE_LOCATION)
    return RemoteRepositoryOrigin(location, repository_name).get_job_origin(job_name)


def _is_settings_error(event: dg.DagsterEvent) -> bool:
    if not event.is_step_failure:
        return False
    described = event.step_failure_data.user_failure_data
    return described is not None and SETTINGS_KEY in described.metadata


def _last_observation(events: Sequence[dg.DagsterEvent]) -> Mapping[str, Any]:
    for event in reversed(events):
        if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
            observed = event.asset_observation_data.asset_observation.metadata
            return {name: value.value for name, value in observed.items()}
    return {}


def _reason(events: Sequence[dg.DagsterEvent]) -> str:
    """Say why the first step failed, or else the run."""
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            described = failure.user_failure_data
            if described is not None and described.description:
                return described.description
            if failure.error is not None:
                return _first_line(failure.error.cause or failure.error)
        if event.is_job_failure and event.job_failure_data.error is not None:
            return _first_line(event.job_failure_data.error)
    return "the run ended without a reason; its log stands in the Dagster UI"


def _first_line(error: SerializableErrorInfo) -> str:
    return error.message.strip().splitlines()[0]
