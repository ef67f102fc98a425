"""What acceptance tests of workflows ask for: a sandbox, people who are told, and an instance of Dagster."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.acceptance.workflows import Systems, running_sandbox
from sync_platform_tests.scripted_server import ScriptedServer, status


@pytest.fixture(scope="module")
def sandbox_environment() -> Iterator[Mapping[str, str]]:
    """The variables of a running sandbox."""
    with running_sandbox() as announced:
        yield announced


@pytest.fixture
def systems(sandbox_environment: Mapping[str, str]) -> Systems:
    """The sandbox's systems of a campaign, as a test looks at them."""
    return Systems(sandbox_environment)


@pytest.fixture
def people() -> Iterator[ScriptedServer]:
    """Whoever is told of failures, at /alerts."""
    with ScriptedServer() as server:
        server.script("/alerts", status(200))
        yield server


@pytest.fixture
def instance(
    database: DatabaseAddress,
    sandbox_environment: Mapping[str, str],
    people: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in a home of its own, whose environment names database, sandbox and people."""
    monkeypatch.chdir(tmp_path)
    for name, value in sandbox_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database.uri())
    monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{people.port}/alerts")
    # What steps print is not looked at, and capturing it starts two processes a run.
    no_capture = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    with dg.instance_for_test({"compute_logs": no_capture}, temp_dir=str(tmp_path)) as found:
        yield found
