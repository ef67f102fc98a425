"""SIGTERM in each step of a real run: closed as cancelled at once, and nothing is left behind.

A step is held where it waits: for the source, or for a table of Postgres that somebody else has locked.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any, LiteralString

import httpx
import pytest
import stamina
from psycopg.rows import dict_row

from sync_platform.settings import Settings
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.acceptance.users_api import TOKEN, Person, answer, people, person
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer, slow

CLI = (sys.executable, "-m", "sync_platform.cli")
STARTS_WITHIN_S = 60
ENDS_WITHIN_S = 15
WAITS = 1200
START = datetime(2024, 1, 1, tzinfo=UTC)
BAD = {**person(999, START), "email": 5}
LOCKED: dict[str, LiteralString] = {
    "normalize": "lock table sync_quarantine in exclusive mode",
    "load": "lock table users in exclusive mode",
    "close": "lock table sync_metadata in exclusive mode",
}
PREPARED = "sync_platform.home.instance"
LAUNCH = """
mutation {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "sync_platform.definitions"
      repositoryName: "__repository__"
      jobName: "users_sync_job"
    }
    runConfigData: "{}"
  }) {
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
TERMINATE = """
mutation($runId: String!) {
  terminateRun(runId: $runId, terminatePolicy: SAFE_TERMINATE) { __typename }
}
"""
WAIT_FOR_A_CLOSED_SYNC: LiteralString = """
do $$
begin
    for attempt in 1..750 loop
        exit when not exists (select from sync_logs where status = 'running');
        perform pg_sleep(0.02);
    end loop;
end
$$
"""
IS_WAITING: LiteralString = """
select pg_sleep(0.05), exists (
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
)
"""
WAIT_FOR_ENDED_SESSIONS: LiteralString = """
do $$
begin
    for attempt in 1..250 loop
        perform pg_stat_clear_snapshot();
        exit when not exists (
            select from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        );
        perform pg_sleep(0.02);
    end loop;
end
$$
"""
LEFT_BEHIND: LiteralString = """
select application_name from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
union all
select locktype from pg_locks
where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
"""


@dataclass
class Scene:
    """A database and a source, and the command line beside them."""

    database: DatabaseAddress
    folder: Path
    api: ScriptedServer
    records: list[Person] = field(default_factory=lambda: [BAD, *people(150, start=START)])
    asked: Event = field(default_factory=Event)
    is_hanging: bool = False

    def reply(self, request: RecordedRequest) -> ScriptedReply:
        if self.is_hanging and request.param("page") == "2":
            self.asked.set()
            return slow(answer(self.records, request), before_headers_s=600)
        return answer(self.records, request)

    def verb(self, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
        return self.process(*CLI, *words)

    @contextmanager
    def process(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        names = {str(one.validation_alias) for one in Settings.model_fields.values()}
        rest = {name: value for name, value in os.environ.items() if name not in names}
        environment = {
            **rest,
            "SYNC_PLATFORM_HOME": str(self.folder / "home"),
            "DATABASE_URL": self.database.uri(),
            "EXTERNAL_API_URL": self.api.url,
            "EXTERNAL_API_TOKEN": TOKEN,
        }
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True
        ) as started:
            try:
                yield started
            finally:
                started.kill()

    def rows(self, query: LiteralString) -> list[dict[str, Any]]:
        with connect(self.database, autocommit=True) as connection:
            return list(connection.cursor(row_factory=dict_row).execute(query))

    def require_nothing_left(self) -> None:
        with connect(self.database, autocommit=True) as connection:
            connection.execute(WAIT_FOR_ENDED_SESSIONS)
        assert self.rows(LEFT_BEHIND) == []
        assert self.rows("select from sync_logs where status = 'running'") == []


@pytest.fixture
def scene(database: DatabaseAddress, tmp_path: Path) -> Iterator[Scene]:
    with ScriptedServer() as api:
        found = Scene(database, tmp_path, api)
        api.script("/users", found.reply)
        yield found


@contextmanager
def held(scene: Scene, step: str) -> Iterator[Callable[[], bool]]:
    """Hold a step; lends what tells that it has come there."""
    if step == "read":
        scene.is_hanging = True
        yield lambda: scene.asked.wait(0.05)
        scene.is_hanging = False
        return
    with connect(scene.database) as holder, connect(scene.database, autocommit=True) as onlooker:
        holder.execute(LOCKED[step])

        def has_come() -> bool:
            [row] = onlooker.execute(IS_WAITING)
            return bool(row[1])

        yield has_come


def wait_until(has_come: Callable[[], bool]) -> None:
    """Ask again and again; each question takes its time."""
    assert any(has_come() for _ in range(WAITS)), "the step was never reached"


@pytest.mark.parametrize("step", ["read", "normalize", "close"])
def test_sigterm_in_any_step_closes_the_sync_as_cancelled(scene: Scene, step: str) -> None:
    with held(scene, step) as has_come, scene.verb("sync", "users") as started:
        wait_until(lambda: has_come() or started.poll() is not None)
        assert started.poll() is None, started.communicate()[1]
        started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=ENDS_WITHIN_S)
        assert started.returncode in (1, 130), said
        assert "Traceback" not in said
        [log] = scene.rows("select status, errors from sync_logs")
        assert (log["status"], log["errors"][-1]["error"]) == ("failed", "the run was cancelled"), said
    scene.require_nothing_left()
    assert scene.rows("select from users") == [] or step == "close"
    assert scene.rows("select from sync_metadata") == []


def test_the_run_after_a_cancelled_one_completes(scene: Scene) -> None:
    with held(scene, "load") as has_come, scene.verb("sync", "users") as started:
        wait_until(has_come)
        started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=ENDS_WITHIN_S)
        assert "Traceback" not in said
    scene.require_nothing_left()
    with scene.verb("sync", "users", "--json") as again:
        _, said = again.communicate(timeout=STARTS_WITHIN_S)
        assert again.returncode == 3, said  # a record is in quarantine
    scene.require_nothing_left()
    assert len(scene.rows("select from users")) == 150
    statuses = [row["status"] for row in scene.rows("select status from sync_logs order by sync_id")]
    assert statuses == ["failed", "completed_with_errors"]


@pytest.mark.slow
def test_a_run_of_the_ui_that_is_cancelled_there_is_closed_as_cancelled(scene: Scene) -> None:
    """Launched through the daemon into a process of its own, held in the load, and ended as the UI does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    dev = (
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        "-m",
        "sync_platform.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        port,
    )
    with held(scene, "load") as has_come, scene.process(sys.executable, "-m", PREPARED, *dev) as served:
        Thread(target=served.communicate, daemon=True).start()  # a full pipe would stop it
        try:
            launched = ask(port, LAUNCH)["launchRun"]
            wait_until(has_come)
            ask(port, TERMINATE, runId=launched["run"]["runId"])
            with connect(scene.database, autocommit=True) as connection:
                connection.execute(WAIT_FOR_A_CLOSED_SYNC)
            [log] = scene.rows("select status, errors from sync_logs")
            assert (log["status"], log["errors"][-1]["error"]) == ("failed", "the run was cancelled")
        finally:
            served.send_signal(signal.SIGTERM)  # it ends its children; a kill would leave them
            served.wait(STARTS_WITHIN_S)
    assert scene.rows("select from users") == []


@stamina.retry(on=httpx.TransportError, attempts=None, timeout=STARTS_WITHIN_S, wait_max=0.5)
def ask(port: str, query: str, **variables: str) -> dict[str, Any]:
    reply = httpx.post(
        f"http://127.0.0.1:{port}/graphql",
        json={"query": query, "variables": variables},
        trust_env=False,
        timeout=STARTS_WITHIN_S,
    )
    answered: dict[str, Any] = reply.json()["data"]
    return answered
