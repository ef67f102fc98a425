"""Customers in a real database, a receiver that writes down what it gets, and pushes between the two."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_platform.api.clock import Clock
from sync_platform.push.push import run_push
from sync_platform.push.reports import PushContext, PushReport
from sync_platform.push.spec import ApiPushSpec
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.scripted_server import RecordedRequest, Reply, ScriptedServer, json_reply

TARGET = "customer_push"
PATH = "/customers"
BODY = {"id": "{customer_id}", "email": "{email}", "name": "{name}", "status": "{status}"}


@dataclass
class TurnedClock:
    """A push's clock that only its sleeping moves on, so that an hour of waiting takes no time."""

    elapsed_s: float = 0.0

    def clock(self) -> Clock:
        return Clock(monotonic_s=lambda: self.elapsed_s, sleep=self._sleep, jitter_s=lambda _: 0.0)

    async def _sleep(self, seconds: float) -> None:
        self.elapsed_s += max(seconds, 0.0002)
        await asyncio.sleep(0)


def spec_of(url: str, **words: Any) -> ApiPushSpec:
    """The shipped push, unpaced and quick to try again, but for the words that a test gives."""
    shipped: dict[str, Any] = {
        "source": "push/customers",
        "key": "customer_id",
        "request": {"url": url, "json": BODY},
        "pace": {"wait_s": 0},
        "retries": {"count": 3, "delay_s": 0.01},
        "timeout_s": 5,
        "breaker": {"failures": 5, "probe_s": 0.1, "give_up_s": 2},
    }
    return ApiPushSpec.model_validate({**shipped, **words})


def context_of(address: DatabaseAddress, spec: ApiPushSpec, **words: Any) -> PushContext:
    """What a run would give the engine."""
    defaults: dict[str, Any] = {
        "spec": spec,
        "target": TARGET,
        "address": address,
        "environment": {},
        "run_id": "a run",
        "log": lambda _: None,
        "now": lambda: datetime.now(UTC),
    }
    return PushContext(**{**defaults, **words})


def add_customers(address: DatabaseAddress, count: int) -> None:
    """Customers c00001, c00002 and so on."""
    with connect(address, autocommit=True) as connection:
        connection.execute(
            "insert into users (external_id, email, name, status, updated_at, sync_id) "
            "select 'c' || lpad(n::text, 5, '0'), 'c' || n || '@example.com', 'Customer ' || n, 'active', "
            "now(), 1 from generate_series(1, %s) as n",
            [count],
        )


def rename(address: DatabaseAddress, customer_id: str, name: str) -> None:
    with connect(address, autocommit=True) as connection:
        connection.execute("update users set name = %s where external_id = %s", [name, customer_id])


def delivery(address: DatabaseAddress, customer_id: str) -> dict[str, Any]:
    """One row of the ledger."""
    return rows(address, "select * from push_deliveries where customer_id = %s", customer_id)[0]


def rows(address: DatabaseAddress, query: str, *values: object) -> list[dict[str, Any]]:
    with connect(address, autocommit=True) as connection:
        cursor = connection.execute(query, values)
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def customer_of(request: RecordedRequest) -> str:
    return str(json.loads(request.body)["id"])


def by_customer(**replies: Reply) -> Callable[[RecordedRequest], Any]:
    """Reply to each customer as told, and 201 to all others."""

    def answer(request: RecordedRequest) -> Any:
        reply = replies.get(customer_of(request), json_reply({"ok": True}, 201))
        return reply(request) if callable(reply) else reply

    return answer


def in_turn(*replies: Any) -> Callable[[RecordedRequest], Any]:
    """Reply with one after the other; the last one is repeated."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    """Takes everybody with 201."""
    with ScriptedServer() as running:
        running.script(PATH, json_reply({"ok": True}, 201))
        yield running


@pytest.fixture
def push(database: DatabaseAddress, receiver: ScriptedServer) -> Callable[..., PushReport]:
    """Push all customers to the receiver, with words of the YAML."""

    def run(**words: Any) -> PushReport:
        return run_push(context_of(database, spec_of(f"{receiver.url}{PATH}", **words)))

    return run
