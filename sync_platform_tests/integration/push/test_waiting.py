"""Waiting of hours, on a clock that the test turns, with a real receiver and a real database."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from sync_platform.push.account import Account
from sync_platform.push.push import run_push
from sync_platform.push.reports import PushReport
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import (
    PATH,
    TurnedClock,
    add_customers,
    context_of,
    customer_of,
    spec_of,
)
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)

OK = json_reply({"ok": True}, 201)
HOUR_S = 3600.0
DEFAULT_BREAKER = {"failures": 5, "probe_s": 30, "give_up_s": HOUR_S}
Answer = Callable[[float], ScriptedReply]


class Timed:
    """A push whose receiver answers by the push's own clock and writes down when it was asked."""

    def __init__(self, database: DatabaseAddress, receiver: ScriptedServer, answer: Answer) -> None:
        self._database, self._url = database, f"{receiver.url}{PATH}"
        self._answer = answer
        self.clock = TurnedClock()
        self.asked_s: list[float] = []
        receiver.script(PATH, self._reply)

    def _reply(self, _: RecordedRequest) -> ScriptedReply:
        self.asked_s.append(self.clock.elapsed_s)
        return self._answer(self.clock.elapsed_s)

    def push(self, **words: Any) -> PushReport:
        spec = spec_of(self._url, **{"breaker": DEFAULT_BREAKER, **words})
        return run_push(context_of(self._database, spec, clock=self.clock.clock()))

    def gaps_s(self) -> Sequence[float]:
        return [later - earlier for earlier, later in pairwise(self.asked_s)]


@pytest.mark.parametrize(
    ("pace", "gap_s"),
    [({}, 4.0), ({"wait_s": 4}, 4.0), ({"wait_s": 0.2}, 0.2), ({"max_requests_per_s": 50}, 0.02)],
    ids=["default", "4 s", "0.2 s", "50 a second"],
)
def test_every_gap_between_requests_is_what_the_yaml_says(
    database: DatabaseAddress, receiver: ScriptedServer, pace: dict[str, float], gap_s: float
) -> None:
    add_customers(database, 30)
    timed = Timed(database, receiver, lambda _: OK)
    assert timed.push(pace=pace).account == Account(selected=30, delivered=30)
    assert median(timed.gaps_s()) == pytest.approx(gap_s, rel=0.05)
    assert min(timed.gaps_s()) >= gap_s


def test_a_receiver_that_is_down_for_an_hour_is_probed_and_then_given_up(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 20)
    timed = Timed(database, receiver, lambda _: status(503))
    report = timed.push()
    assert (report.account, report.status) == (Account(selected=20, planned=20), "incomplete")
    assert report.reason is not None
    assert "give_up_s" in report.reason
    assert timed.clock.elapsed_s == pytest.approx(HOUR_S, rel=0.02)
    probes = timed.gaps_s()[5:]
    assert min(probes) >= 30
    assert len(timed.asked_s) == pytest.approx(5 + HOUR_S / 30, abs=3)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_receiver_that_comes_back_is_noticed_by_a_probe_and_nobody_is_dead_or_missed(
    database: DatabaseAddress, receiver: ScriptedServer, in_flight: int
) -> None:
    add_customers(database, 20)
    timed = Timed(database, receiver, lambda now_s: OK if now_s > HOUR_S / 2 else status(500))
    report = timed.push(max_in_flight=in_flight)
    assert (report.account, report.status) == (Account(selected=20, delivered=20), "completed")
    assert len({customer_of(request) for request in receiver.requests}) == 20
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 20


def test_two_outages_each_shorter_than_the_limit_do_not_add_up(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 20)

    def answer(now_s: float) -> ScriptedReply:
        is_up = 2400 < now_s < 2460 or now_s > 5000
        return OK if is_up else status(503)

    report = Timed(database, receiver, answer).push(pace={"wait_s": 4})
    assert (report.account, report.status) == (Account(selected=20, delivered=20), "completed")


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit": '"default";r=0;t=600'},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "600"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600"},
    ],
)
def test_a_limit_that_is_used_up_is_waited_for_and_nobody_is_refused(
    database: DatabaseAddress, receiver: ScriptedServer, headers: dict[str, str]
) -> None:
    add_customers(database, 6)
    used_up = json_reply({}, 201, headers)
    timed = Timed(database, receiver, lambda now_s: used_up if now_s < 1 else OK)
    report = timed.push(pace={"wait_s": 0.4})
    assert report.account == Account(selected=6, delivered=6)
    assert report.requests == 6
    assert timed.gaps_s()[0] == pytest.approx(600, rel=0.01)
    assert max(timed.gaps_s()[1:]) < 1


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_stops_everybody_and_the_push_then_speeds_up_again(
    database: DatabaseAddress, receiver: ScriptedServer, code: int
) -> None:
    add_customers(database, 60)
    refused = status(code, {"Retry-After": "300"})
    timed = Timed(database, receiver, lambda now_s: refused if 5 < now_s < 6 else OK)
    report = timed.push(pace={"wait_s": 0.5})
    assert report.account == Account(selected=60, delivered=60)
    gaps = timed.gaps_s()
    stop = gaps.index(max(gaps))
    assert gaps[stop] >= 300
    assert 0.75 < gaps[stop + 1] < 1.1, "slower at first"
    assert gaps[-1] < 0.53, "as fast as before in the end"
