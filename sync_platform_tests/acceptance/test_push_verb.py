"""`sync-platform push` as a person runs it: real processes, real Postgres, a real receiver."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sync_platform.settings import Settings
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.locks import named_lock
from sync_platform_tests.integration.push.conftest import add_customers, by_customer, customer_of, rows
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    slow,
    status,
)

CLI = (sys.executable, "-m", "sync_platform.cli")
LOCK = "push:customer_push"
TERMS = ("selected", "delivered", "already_delivered", "dead", "in_doubt", "planned")
TAKEN = json_reply({"ok": True}, 201)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a database of 20 customers and a receiver that takes everybody."""

    folder: Path
    database: DatabaseAddress
    receiver: ScriptedServer

    @property
    def environment(self) -> dict[str, str]:
        names = {str(field.validation_alias) for field in Settings.model_fields.values()}
        rest = {name: value for name, value in os.environ.items() if name not in names}
        return {
            **rest,
            "DATABASE_URL": self.database.uri(),
            "SYNC_PLATFORM_HOME": str(self.folder / "home"),
            "CUSTOMER_PUSH_URL": f"{self.receiver.url}/customers",
        }

    def start(self, *verb: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            (*CLI, *verb),
            cwd=self.folder,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *verb: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with self.start(*verb, **variables) as started:
            said, told = started.communicate(timeout=120)
        return subprocess.CompletedProcess(verb, started.returncode, said, told)

    def requests(self) -> list[RecordedRequest]:
        return self.receiver.requests_to("/customers")

    def sent_to(self) -> list[str]:
        return [customer_of(request) for request in self.requests()]

    def statuses(self) -> set[str]:
        return {row["status"] for row in rows(self.database, "select status from push_deliveries")}


@pytest.fixture
def place(database: DatabaseAddress, tmp_path: Path) -> Iterator[Place]:
    with ScriptedServer() as receiver:
        receiver.script("/customers", TAKEN)
        add_customers(database, 20)
        yield Place(tmp_path, database, receiver)


def last_json(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answered: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answered


def wait_until(reached: Callable[[], bool], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # a poll with a deadline, not a guess


def test_a_push_prints_its_account_and_ends_with_0(place: Place) -> None:
    ended = place.run("push", "customers", "--wait-s", "0", "--json")

    assert ended.returncode == 0, ended.stderr
    said = last_json(ended)
    assert {term: said[term] for term in TERMS} == {
        "selected": 20,
        "delivered": 20,
        "already_delivered": 0,
        "dead": 0,
        "in_doubt": 0,
        "planned": 0,
    }
    assert (said["status"], said["proof"], said["target"]) == ("completed", "ledger", "customer_push")
    assert said["push_id"] > 0
    assert said["duration_seconds"] > 0
    assert not any(isinstance(value, list | dict) for value in said.values())
    assert len(place.requests()) == 20


def test_dead_customers_end_with_3_are_listed_with_reason_and_replayed(place: Place) -> None:
    place.receiver.script("/customers", by_customer(c00003=status(422)))
    ended = place.run("push", "customer_push", "--max-requests-per-s", "1000", "--json")
    assert ended.returncode == 3, ended.stderr
    assert (last_json(ended)["delivered"], last_json(ended)["dead"]) == (19, 1)

    listed = place.run("status")
    assert "c00003" in listed.stdout
    assert "status 422" in listed.stdout
    flat = last_json(place.run("status", "--json"))
    assert (flat["push_target"], flat["push_dead"], flat["undelivered"]) == ("customer_push", 1, 1)

    place.receiver.script("/customers", TAKEN)
    replayed = place.run("replay", "customers", "--json")
    assert replayed.returncode == 0, replayed.stderr
    said = last_json(replayed)
    assert (said["kind"], said["selected"], said["delivered"]) == ("replay", 1, 1)
    keys = {one.headers["idempotency-key"] for one in place.requests() if customer_of(one) == "c00003"}
    assert len(keys) == 1


def test_a_limit_and_a_dry_run(place: Place) -> None:
    shown = place.run("push", "customers", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    said = last_json(shown)
    assert (said["is_dry_run"], said["push_id"], said["selected"], said["planned"]) == (True, None, 20, 20)
    assert "example.com" not in shown.stdout + shown.stderr
    assert place.requests() == []

    limited = last_json(place.run("push", "customers", "--limit", "3", "--wait-s", "0", "--json"))
    assert (limited["delivered"], limited["planned"], limited["status"]) == (3, 17, "completed")
    assert place.sent_to() == ["c00001", "c00002", "c00003"]


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_a_push_that_is_stopped_goes_on_and_only_the_one_in_flight_is_sent_twice(
    place: Place, stop: signal.Signals
) -> None:
    def hang_on_the_fifth(request: RecordedRequest) -> ScriptedReply:
        return slow(TAKEN, before_headers_s=60) if customer_of(request) == "c00005" else TAKEN

    place.receiver.script("/customers", hang_on_the_fifth)
    with place.start("push", "customers", "--wait-s", "0") as started:
        wait_until(lambda: "c00005" in place.sent_to() or started.poll() is not None)
        started.send_signal(stop)
        _, told = started.communicate(timeout=20)
    if stop is signal.SIGTERM:
        assert started.returncode == 1, told
        [log] = rows(place.database, "select status, errors from push_logs")
        assert (log["status"], log["errors"][-1]["error"]) == ("failed", "the run was cancelled")

    place.receiver.script("/customers", TAKEN)
    again = place.run("push", "customers", "--wait-s", "0", "--json")

    assert again.returncode == 0, again.stderr
    assert place.statuses() == {"delivered"}
    sent = place.sent_to()
    assert sorted(set(sent)) == [f"c{n:05}" for n in range(1, 21)]
    assert [customer for customer in set(sent) if sent.count(customer) > 1] == ["c00005"]
    keys = {one.headers["idempotency-key"] for one in place.requests() if customer_of(one) == "c00005"}
    assert len(keys) == 1
    logs = rows(place.database, "select status from push_logs order by id")
    assert [log["status"] for log in logs] == ["failed", "completed"]


def test_a_second_push_waits_and_says_so_and_does_not_with_no_wait(place: Place) -> None:
    with named_lock(place.database, LOCK, wait=False):
        refused = place.run("push", "customers", "--no-wait", "--json")
        assert refused.returncode == 1
        assert last_json(refused)["status"] == "failed"
        waiting = place.start("push", "customers", "--wait-s", "0")
        assert waiting.stderr is not None
        told = next(line for line in waiting.stderr if "waiting for its end" in line)
        assert "Another push of customers is running" in told
        assert place.requests() == []
    with waiting:
        waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert len(place.requests()) == 20


@pytest.mark.parametrize(
    ("verb", "variables", "said"),
    [
        (("push", "orders"), {}, "There is no push named `orders`. Known: customers."),
        (("replay", "orders"), {}, "There is no sync or push named `orders`. Known: customers, users."),
        (("push", "customers", "--wait-s", "1", "--max-requests-per-s", "2"), {}, "give one of them"),
        (("push", "customers", "--limit", "0"), {}, "--limit"),
        (("push", "customers", "--json"), {"CUSTOMER_PUSH_URL": ""}, "CUSTOMER_PUSH_URL is not set"),
        (("sync", "users", "--json"), {}, "EXTERNAL_API_URL"),
        (("push", "customers"), {"CUSTOMER_PUSH_URL": "http://169.254.169.254/x"}, "link-local"),
    ],
)
def test_wrong_usage_and_settings_end_with_2_and_say_what_is_wrong(
    place: Place, verb: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    ended = place.run(*verb, **variables)

    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert place.requests() == []
