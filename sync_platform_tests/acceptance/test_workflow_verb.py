"""`sync-platform workflow run` as a person runs it: real processes, Postgres and sandbox, and kill -9."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import dagster as dg
import pytest

from sync_platform.home.instance import STORAGE_URL_VARIABLE, prepare_instance
from sync_platform.settings import Settings, load_settings
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.acceptance.workflows import DEFS, Clock, Systems, Workflows, code_location, loaded

TARGET = "campaign_launch.campaign_notifications:spring"


@dataclass(frozen=True, slots=True)
class Place:
    """A home with a database of its own, and the sandbox's systems."""

    folder: Path
    database: DatabaseAddress
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        names = {str(field.validation_alias) for field in Settings.model_fields.values()}
        rest = {name: value for name, value in os.environ.items() if name not in names}
        own = {"DATABASE_URL": self.database.uri(), "SYNC_PLATFORM_HOME": str(self.folder / "home")}
        return {**rest, **self.variables, **own}

    def start(self, *verb: str) -> "subprocess.Popen[str]":
        command = (sys.executable, "-m", "sync_platform.cli", *verb)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *verb: str) -> tuple[int, dict[str, Any], str]:
        """Run a verb: its exit code, the JSON object of its last line, and standard error."""
        with self.start("workflow", "run", *verb, "--json") as started:
            said, told = started.communicate(timeout=120)
        lines = said.splitlines()
        return started.returncode, json.loads(lines[-1]) if lines else {}, told

    def execute(self, query: LiteralString, *values: object) -> None:
        with connect(self.database) as connection:
            connection.execute(query, values)

    def plan(self, campaign_id: str, customers: int) -> None:
        self.execute(
            "insert into users select n::text, n || '@example.com', 'Any', 'active', '{}', now(), now(), 1"
            " from generate_series(1, %s::int) as n",
            customers,
        )
        self.execute(
            "insert into campaigns (campaign_id, name, starts_at, ends_at, status)"
            " values (%s, 'Any', now(), now() + interval '1 h', 'scheduled')",
            campaign_id,
        )


@pytest.fixture
def place(database: DatabaseAddress, tmp_path: Path, sandbox_environment: Mapping[str, str]) -> Place:
    return Place(tmp_path, database, sandbox_environment)


def test_all_that_is_due_is_run_with_its_account_and_then_left_alone(place: Place) -> None:
    place.plan("due", 3)

    first = place.run("campaign_launch")
    again = place.run("campaign_launch", "--key", "due")

    code, said, told = first
    assert code == 0, told
    named = {name: said[name] for name in ("workflow", "key", "attempt", "status", "steps", "steps_done")}
    assert named == {
        "workflow": "campaign_launch",
        "key": "due",
        "attempt": 1,
        "status": "done",
        "steps": 5,
        "steps_done": 5,
    }
    terms = ("audience", "notified", "suppressed", "dead", "in_doubt", "planned")
    assert [said[term] for term in terms] == [3, 3, 0, 0, 0, 0]
    assert "campaign_notifications" in told
    assert (again[0], again[1]["is_left_alone"], again[1]["attempt"]) == (0, True, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("campaign_launch", "--key", "nobody"), "knows no campaign_id `nobody`"),
        (("campaign_lunch", "--key", "any"), "Known: campaign_close, campaign_launch"),
        (("campaign_launch", "--key", "any", "--var", "audiense=x"), "no variable `audiense`"),
    ],
)
def test_what_nobody_knows_exits_with_2_in_one_line(
    place: Place, arguments: tuple[str, ...], said: str
) -> None:
    place.plan("any", 1)

    code, found, told = place.run(*arguments)

    assert (code, found) == (2, {})
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_killed_run_is_closed_by_the_next_tick_and_nobody_is_told_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.plan("spring", 63)
    with place.start("workflow", "run", "campaign_launch", "--key", "spring") as started:
        _wait_for_deliveries(place, 5)
        started.send_signal(signal.SIGKILL)
        started.wait(10)
    # The lease's minute is over.
    place.execute("update workflow_runs set lease_until = now() - interval '1 s'")

    with _on_the_instance_of(place, monkeypatch) as campaigns:
        dead_run = campaigns.state("campaign_launch", "spring")["run_id"]
        assert campaigns.tick("active_campaign_sensor") == []
        campaigns.clock.forward(minutes=5)
        [result] = campaigns.tick("active_campaign_sensor")
        closed = campaigns.instance.get_run_by_id(dead_run)

    assert closed is not None
    assert closed.status == dg.DagsterRunStatus.FAILURE
    assert result.success
    sent = Systems(place.variables).notifications("spring")
    assert [one["copies"] for one in sent] == [1] * 63
    [row] = campaigns.rows("select status, attempts from campaigns")
    assert row == {"status": "live", "attempts": 2}


@contextmanager
def _on_the_instance_of(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workflows]:
    """The shipped launch on the instance of Dagster that the place's verbs use."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    # Set here so that it is unset again; `prepare_instance` sets it for good.
    monkeypatch.setenv("DAGSTER_HOME", str(place.folder / "home" / "dagster"))
    monkeypatch.setenv(STORAGE_URL_VARIABLE, "")
    monkeypatch.chdir(place.folder)
    prepare_instance(load_settings(), place.database)
    clock = Clock()
    with dg.DagsterInstance.get() as instance:
        definitions = code_location([loaded(DEFS / "campaign_launch", clock)])
        yield Workflows(definitions, instance, place.database, clock)


def _wait_for_deliveries(place: Place, count: int) -> None:
    with connect(place.database, autocommit=True) as watcher:
        for _ in range(6000):
            row = watcher.execute(
                "select count(*) from push_deliveries where target = %s and status = 'delivered'", [TARGET]
            ).fetchone()
            if row is not None and row[0] >= count:
                return
            watcher.execute("select pg_sleep(0.01)")
    raise AssertionError("the send did not come so far")
