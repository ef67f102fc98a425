"""Pushes in processes of their own that are killed at a place drawn by a seed, and what must hold afterwards.

The receiver writes down every request, so that nothing which the books say has to be believed.
"""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sync_platform.push.account import Account
from sync_platform.push.push import replay, run_push
from sync_platform.push.reports import PushContext
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    context_of,
    customer_of,
    rows,
    spec_of,
)
from sync_platform_tests.integration.push.pusher import ended, start_pusher
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    reset,
    status,
)
from sync_platform_tests.torture.crashes import WAIT_FOR_DEAD_SESSIONS
from sync_platform_tests.torture.wire import Wire, WireCutError

Place = Literal["at request", "before message", "after message"]
PLACES: tuple[Place, ...] = ("at request", "before message", "after message")
AFTER = "/after"
OK = json_reply({"ok": True}, 201)
LONGEST_DELAY_S = 0.02


@dataclass(frozen=True, slots=True)
class Plot:
    """What a seed draws: how much is pushed, how, and where the killing happens."""

    customers: int
    in_flight: int
    policy: Literal["resend", "park"]
    has_after_each: bool
    fault_share: float
    kills: tuple[tuple[Place, int], ...]

    @classmethod
    def of(cls, seed: int) -> "Plot":
        dice = random.Random(seed)
        customers = dice.randint(10, 60)
        places = tuple(
            (place, dice.randint(1, customers if place == "at request" else 3 * customers))
            for place in dice.choices(PLACES, k=dice.choice([1, 1, 2]))
        )
        return cls(
            customers=customers,
            in_flight=dice.choice([1, 2, 4, 8]),
            policy=dice.choice(["resend", "park"]),
            has_after_each=dice.random() < 0.3,
            fault_share=dice.choice([0.0, 0.2]),
            kills=places,
        )


@dataclass
class Scene:
    """A receiver, a database behind a wire, and a plot."""

    plot: Plot
    dice: random.Random
    receiver: ScriptedServer
    wire: Wire
    address: DatabaseAddress
    kills: int = 0
    lost_replies: int = 0
    _asked: int = 0
    _act_at: int = 0
    _act: Callable[[], None] = lambda: None

    def words(self) -> dict[str, Any]:
        after = {"http": {"url": f"{self.receiver.url}{AFTER}", "json": {"id": "{customer_id}"}}}
        return {
            "max_in_flight": self.plot.in_flight,
            "in_doubt": self.plot.policy,
            # So many that no streak of faults makes anybody dead.
            "retries": {"count": 30, "delay_s": 0.01},
            "breaker": {"failures": 50, "probe_s": 0.1, "give_up_s": 20},
            **({"after_each": after} if self.plot.has_after_each else {}),
        }

    def take(self, _: RecordedRequest) -> ScriptedReply:
        """Take everybody; some replies are an error or get lost, though only after taking."""
        self._asked += 1
        if self._asked == self._act_at:
            self._act()
        if self.dice.random() >= self.plot.fault_share:
            return OK
        if self.dice.random() < 0.5:
            return status(503)
        self.lost_replies += 1
        return reset()

    def push_and_kill(self, place: Place, at: int) -> None:
        """Push in a process that dies there, unless it is done before."""
        pushers: list[subprocess.Popen[str]] = []
        number = self.wire.messages + at

        def kill() -> None:
            pushers[0].kill()

        def cut(message: int) -> None:
            if message == number:
                kill()
                raise WireCutError

        if place == "at request":
            self._act_at, self._act = self._asked + at, kill
        elif place == "before message":
            self.wire.before = cut
        else:
            self.wire.after = cut
        pushers.append(start_pusher(self.wire.address, spec_of(self._url, **self.words())))
        self.kills += not ended(pushers[0])
        self.wire.before = self.wire.after = lambda _: None
        self._act_at = 0

    def finish(self) -> None:
        """Push what is left, without a kill, and send again what is parked."""
        context = context_of(self.address, spec_of(self._url, **self.words()))
        report = run_push(context)
        assert report.account.is_balanced
        assert (report.account.planned, report.account.dead) == (0, 0)
        self.require_once()
        if report.account.in_doubt:
            assert self.plot.policy == "park"
            assert report.account.in_doubt <= self.kills * self.plot.in_flight + self.lost_replies
            self._replay_until_nothing_is_parked(context)

    def _replay_until_nothing_is_parked(self, context: PushContext) -> None:
        for _ in range(20):
            if replay(context).account.in_doubt == 0:
                return
        raise AssertionError("what is parked is never delivered")

    def require_once(self) -> None:
        """Nobody is sent twice but in doubt: what was in flight at a kill, or whose reply got lost."""
        answered = Counter(map(customer_of, self.receiver.requests_to(PATH)))
        refused = rows(self.address, "select count(*) as n from push_attempts where outcome = 'retry'")[0][
            "n"
        ]
        again = sum(answered.values()) - len(answered)
        if self.plot.policy == "park":
            # A 503 is no doubt, so that it is tried again; its attempt is lost where a kill came first.
            assert again <= refused
        else:
            assert again <= refused + self.lost_replies + self.kills * self.plot.in_flight

    def require_all(self) -> None:
        """Everybody has arrived, always under one key and with one body, and the books say so."""
        requests = self.receiver.requests_to(PATH)
        assert {customer_of(request) for request in requests} == set(_keys(self.plot.customers))
        told = {(customer_of(r), r.headers["idempotency-key"], r.body) for r in requests}
        assert len(told) == self.plot.customers, "a repeat has another key or body"
        states = rows(self.address, "select status, count(*) as n from push_deliveries group by 1")
        assert states == [{"status": "delivered", "n": self.plot.customers}]
        delivered = "select count(*) as n from push_attempts where outcome = 'delivered'"
        assert rows(self.address, delivered) == [{"n": self.plot.customers}]
        assert rows(self.address, "select id from push_after_each") == []
        assert rows(self.address, "select id from push_logs where status = 'running'") == []
        for log in rows(self.address, "select * from push_logs where status not in ('failed')"):
            assert Account(**{term: log[term] for term in Account().terms()}).is_balanced
        if self.plot.has_after_each:
            steps = Counter(json.loads(request.body)["id"] for request in self.receiver.requests_to(AFTER))
            assert set(steps) == set(_keys(self.plot.customers))
            assert sum(steps.values()) - len(steps) <= self.kills * self.plot.in_flight
            keys = {request.headers["idempotency-key"] for request in self.receiver.requests_to(AFTER)}
            assert len(keys) == self.plot.customers

    @property
    def _url(self) -> str:
        return f"{self.receiver.url}{PATH}"


def _keys(customers: int) -> list[str]:
    return [f"c{number:05}" for number in range(1, customers + 1)]


def require_survival(seed: int, database: DatabaseAddress) -> int:
    """Kill pushes as the seed's plot says; then nobody is missed and nobody sent twice but in doubt.

    Returns:
        How many pushes died; some are done before.
    """
    plot = Plot.of(seed)
    try:
        with ScriptedServer() as receiver, Wire(database) as wire:
            add_customers(database, plot.customers)
            scene = Scene(plot, random.Random(seed), receiver, wire, database)
            receiver.script(PATH, scene.take)
            receiver.script(AFTER, OK)
            for place, at in plot.kills:
                scene.push_and_kill(place, at)
                with connect(database, autocommit=True) as connection:
                    connection.execute(WAIT_FOR_DEAD_SESSIONS)
            scene.finish()
            scene.require_all()
            return scene.kills
    except AssertionError as error:
        error.add_note(f"seed {seed}: {plot}")
        raise
