"""Workflows on real parts: a real Postgres, a real sandbox, a real Dagster instance; the clock is the test's.

`Workflows.tick` evaluates a real sensor or schedule and runs what it requests, as the daemon would.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import dagster as dg
import httpx
import yaml
from psycopg.rows import dict_row

from sync_platform.components.workflow.component import Workflow
from sync_platform.resources import default_resources
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.workflow.spec import WorkflowSpec

DEFS = Path(__file__).parents[2] / "sync_platform" / "defs"
Row = dict[str, Any]


@dataclass(slots=True)
class Clock:
    """A clock that stands until somebody moves it."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **delta: float) -> None:
        self.time += timedelta(**delta)


@dataclass(slots=True)
class Workflows:
    """Some workflows as one code location, with the outside that they work on."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    database: DatabaseAddress
    clock: Clock
    cursors: dict[str, str | None] = field(default_factory=dict)

    def look(self, name: str) -> dg.SensorResult | dg.SkipReason | list[dg.RunRequest]:
        """Evaluate a sensor or a schedule once, as the daemon does."""
        repository = self.definitions.get_repository_def()
        found: Any
        if repository.has_sensor_def(name):
            sensor = repository.get_sensor_def(name)
            cursor = self.cursors.get(name)
            with dg.build_sensor_context(self.instance, cursor, repository_def=repository) as context:
                found = sensor(context)
            self.cursors[name] = found.cursor if isinstance(found, dg.SensorResult) else cursor
        else:
            schedule = repository.get_schedule_def(name)
            with dg.build_schedule_context(
                self.instance, scheduled_execution_time=self.clock(), repository_def=repository
            ) as at:
                found = schedule(at)
        asked: dg.SensorResult | dg.SkipReason | list[dg.RunRequest] = found
        return asked

    def requests(self, name: str) -> list[dg.RunRequest]:
        found = self.look(name)
        if isinstance(found, dg.SensorResult):
            return list(found.run_requests or ())
        return found if isinstance(found, list) else []

    def tick(self, name: str) -> list[dg.ExecuteInProcessResult]:
        """Evaluate a sensor or schedule, and run what it asks for."""
        return [self.run(self.job_of(name), request) for request in self.requests(name)]

    def job_of(self, name: str) -> str:
        repository = self.definitions.get_repository_def()
        if repository.has_sensor_def(name):
            job_name = repository.get_sensor_def(name).job_name
            assert job_name is not None, f"{name} starts no job"
            return job_name
        return repository.get_schedule_def(name).job_name

    def run(self, job: str, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            run_config=request.run_config,
            tags=request.tags,
            raise_on_error=False,
        )

    def launch(self, job: str, key: str, partitions: str = "campaigns") -> dg.ExecuteInProcessResult:
        """Run a job by hand, as the UI does."""
        self.instance.add_dynamic_partitions(partitions, [key])
        return self.run(job, dg.RunRequest(partition_key=key))

    def materialized(self, result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
        """The assets that a run materialized, by name; each once."""
        records = self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        found = [one.asset_materialization for one in records if one.asset_materialization is not None]
        names = [one.asset_key.to_user_string() for one in found]
        assert len(names) == len(set(names))
        return dict(zip(names, found, strict=True))

    def rows(self, query: LiteralString, *values: object) -> list[Row]:
        with connect(self.database) as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query, values)
            return list(cursor) if cursor.description else []

    def state(self, workflow: str, key: str) -> Row:
        [row] = self.rows("select * from workflow_runs where workflow = %s and key = %s", workflow, key)
        return row


def loaded(folder: Path, clock: Clock, **changes: Any) -> Workflow:
    """Load a workflow's YAML as the code location does, on a clock of the test's."""
    attributes = yaml.safe_load((folder / "defs.yaml").read_text(encoding="utf-8"))["attributes"]
    for step in attributes["steps"]:
        # Tries of a step stay as many as they are; only their waiting would make the tests slow.
        step.get("retry", {})["delay_s"] = 0.1
    return Workflow(WorkflowSpec.model_validate({**attributes, **changes}), folder.name, clock=clock)


def code_location(workflows: Sequence[Workflow]) -> dg.Definitions:
    bound = dg.Definitions(resources=default_resources(), executor=dg.in_process_executor)
    return dg.Definitions.merge(*(one.definitions() for one in workflows), bound)


@contextmanager
def running_sandbox() -> Iterator[Mapping[str, str]]:
    """A sandbox process, by the variables that it announces."""
    command = (sys.executable, "-m", "sync_platform.sandbox", "--static")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


@dataclass(frozen=True, slots=True)
class Systems:
    """The sandbox's systems of a campaign, as a test looks at them."""

    environment: Mapping[str, str]

    def banner(self, campaign_id: str) -> Any:
        reply = self._ask(f"{self.environment['CAMPAIGN_CMS_URL']}/banners/{campaign_id}")
        return None if reply.status_code == 404 else reply.json()

    def pages(self, campaign_id: str) -> list[Row]:
        return self._list("CAMPAIGN_CACHE_URL", "pages", campaign_id)

    def notifications(self, campaign_id: str) -> list[Row]:
        return self._list("CAMPAIGN_NOTIFY_URL", "notifications", campaign_id)

    def break_down(self, system: str, *, status: int = 503, times: int = 1) -> None:
        url = f"{self.environment['EXTERNAL_API_URL']}/faults/{system}"
        httpx.put(url, json={"status": status, "times": times}, trust_env=False).raise_for_status()

    def _list(self, variable: str, what: str, campaign_id: str) -> list[Row]:
        url = f"{self.environment[variable]}/{what}?campaign_id={campaign_id}&limit=1000"
        found: list[Row] = self._ask(url).json()["data"]
        return found

    def _ask(self, url: str) -> httpx.Response:
        return httpx.get(url, trust_env=False)
