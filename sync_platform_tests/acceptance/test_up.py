"""`sync-platform up` as a person starts and ends it: real processes, from an empty folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sync_platform.home.running import read_note
from sync_platform.settings import Settings
from sync_platform.warehouse.embedded import EmbeddedPostgres

ENDS_WITHIN_S = 10
CLI = (sys.executable, "-m", "sync_platform.cli")
RUNS = "{ runsOrError { ... on Runs { results { jobName repositoryOrigin { repositoryLocationName } } } } }"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of its own with nothing set, and what is started in it."""

    folder: Path
    port: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        names = {str(field.validation_alias) for field in Settings.model_fields.values()}
        rest = {name: value for name, value in os.environ.items() if name not in names}
        return {**rest, "SYNC_PLATFORM_HOME": str(self.home), "SYNC_PLATFORM_PORT": str(self.port)}

    def run(self, *verb: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **variables}
        return subprocess.run(
            (*CLI, *verb), cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        """Start `up` and wait until the UI answers."""
        with subprocess.Popen(
            (*CLI, "up"), cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True
        ) as started:
            assert started.stderr is not None
            said = []
            for line in started.stderr:
                said.append(line)
                if line.startswith("Open http"):
                    break
            assert started.poll() is None, "".join(said)
            try:
                yield started
            finally:
                started.send_signal(signal.SIGTERM)

    def processes(self) -> list[psutil.Process]:
        """Every process that was started in this place and still lives."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            is_living = process.status() != psutil.STATUS_ZOMBIE
            return is_living and process.environ().get("SYNC_PLATFORM_HOME") == str(self.home)
        return False


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Place(tmp_path, port)
    yield found
    for process in found.processes():
        process.kill()
    EmbeddedPostgres(found.home).stop()


def last_json(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answered: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answered


def test_up_serves_what_other_verbs_use_and_ends_whole(place: Place) -> None:
    with place.up() as started:
        ui = f"http://127.0.0.1:{place.port}"

        synced = place.run("sync", "users", "--json")
        account = last_json(synced)
        assert synced.returncode == 0, synced.stderr
        assert (account["status"], account["proof"]) == ("completed", "total")
        assert account["seen"] == account["inserted"] + account["updated"] + account["unchanged"] > 0

        status = last_json(place.run("status", "--json"))
        assert (status["is_up"], status["ui_url"]) == (True, ui)
        assert place.run("doctor").returncode == 0

        second = place.run("up")
        assert second.returncode == 2
        assert str(started.pid) in second.stderr
        elsewhere = place.run("up", SYNC_PLATFORM_HOME=str(place.folder / "other"))
        assert elsewhere.returncode == 2
        assert "SYNC_PLATFORM_PORT" in elsewhere.stderr
        assert len(elsewhere.stderr.splitlines()) == 1

        reply = httpx.post(f"{ui}/graphql", json={"query": RUNS}, trust_env=False, timeout=60)
        runs = reply.json()["data"]["runsOrError"]["results"]
        jobs = [run["jobName"] for run in runs]
        assert jobs.count("users_sync_job") == 2
        assert "customer_push_job" in jobs
        assert {run["repositoryOrigin"]["repositoryLocationName"] for run in runs} == {"sync_platform"}

        asked_at = time.monotonic()
        started.send_signal(signal.SIGTERM)
        assert started.wait(timeout=60) == 0
        assert time.monotonic() - asked_at < ENDS_WITHIN_S
    assert place.processes() == []
    assert EmbeddedPostgres(place.home).running_address() is None
    assert read_note(place.home) is None


def test_what_a_killed_up_leaves_is_cleaned_up_by_the_next_one(place: Place) -> None:
    with place.up() as started:
        orphans = place.processes()
        guard = next(process for process in orphans if "sync_platform.cli.processes" in process.cmdline())
        # Both at once, as when a machine runs out of memory: nobody is left to clean up.
        guard.suspend()
        started.kill()
        guard.kill()
        started.wait(timeout=10)
        orphans = place.processes()
        assert orphans != []

        again = place.run("up", "--once")

    assert again.returncode == 0, again.stderr
    assert "the books balance" in again.stdout
    assert "customer_push: at most 200 to the sandbox, at 50 a second instead of its own pace" in again.stderr
    assert [process for process in orphans if process.is_running() and process in place.processes()] == []
    assert place.processes() == []
    assert EmbeddedPostgres(place.home).running_address() is None


def test_wrong_settings_are_one_line_and_nothing_is_written(place: Place) -> None:
    for verb in (("up",), ("sync", "users"), ("status",), ("doctor",), ("migrate",)):
        ended = place.run(*verb, DATABASE_URL="mysql://user:hunter2@db/app")

        assert ended.returncode == 2
        assert "DATABASE_URL" in ended.stderr + ended.stdout
        assert "hunter2" not in ended.stderr + ended.stdout
        assert "Traceback" not in ended.stderr
    assert [path.name for path in place.folder.rglob("*") if path.name not in {"home", "up.lock"}] == []
