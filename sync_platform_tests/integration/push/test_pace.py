"""The pace as the receiver sees it, in real time but short; longer waits are arithmetic (unit tests)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.push.account import Account
from sync_platform.push.reports import PushReport
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    customer_of,
    in_turn,
    rows,
    spec_of,
)
from sync_platform_tests.integration.push.pusher import ended, start_pusher
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedServer, json_reply, slow, status

# Gaps of 20 ms cannot be judged while other tests and a database share the cores.
pytestmark = pytest.mark.slow

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)


def gaps_s(requests: Sequence[RecordedRequest]) -> list[float]:
    return [later.at_s - earlier.at_s for earlier, later in pairwise(requests)]


@pytest.mark.parametrize(
    ("pace", "gap_s", "run"),
    [({"wait_s": 0.2}, 0.2, 1), ({"max_requests_per_s": 50}, 0.02, 10)],
    ids=["wait of 0.2 s", "50 a second"],
)
def test_the_gap_between_requests_is_kept(
    database: DatabaseAddress,
    receiver: ScriptedServer,
    pace: dict[str, float],
    gap_s: float,
    run: int,
) -> None:
    count = 8 + 4 * run
    add_customers(database, count)
    # In a process of its own: one that shares the interpreter with the receiver is up to 5 ms late for it.
    pusher = start_pusher(database, spec_of(f"{receiver.url}{PATH}", pace=pace))
    assert ended(pusher)["delivered"] == count
    gaps = gaps_s(receiver.requests)
    assert median(gaps) == pytest.approx(gap_s, rel=0.05)
    # The sender decides to the millisecond, but connecting and a busy machine make single requests a few
    # milliseconds late on their way: at 50/s more than 5 % of a gap, so that runs of gaps are judged there.
    runs = [sum(gaps[first : first + run]) for first in range(len(gaps) - run + 1)]
    assert min(runs) >= 0.95 * gap_s * run, [round(gap, 4) for gap in gaps]


def test_wait_counts_from_the_reply(database: DatabaseAddress, receiver: ScriptedServer, push: Push) -> None:
    add_customers(database, 4)
    receiver.script(PATH, slow(OK, before_headers_s=0.2))
    push(pace={"wait_s": 0.1})
    assert min(gaps_s(receiver.requests)) >= 0.3 * 0.95


def test_a_rate_counts_from_start_to_start_however_long_the_replies_take(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 12)
    receiver.script(PATH, slow(OK, before_headers_s=0.2))
    push(pace={"max_requests_per_s": 20}, max_in_flight=10)
    gaps = gaps_s(receiver.requests)
    assert median(gaps) == pytest.approx(0.05, rel=0.1)
    assert receiver.max_in_flight > 1


@pytest.mark.parametrize("pace", [{"wait_s": 1}, {"max_requests_per_s": 1}])
def test_the_pace_holds_across_pushes(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, pace: dict[str, float]
) -> None:
    add_customers(database, 1)
    # A push that is refused ends at once, so that only the books can make the next one wait.
    receiver.script(PATH, status(401), OK)
    with pytest.raises(UnauthorizedError):
        push(pace=pace)
    assert push(pace=pace).account == Account(selected=1, delivered=1)
    [gap_s] = gaps_s(receiver.requests)
    assert gap_s == pytest.approx(1, rel=0.05)


def test_a_429_stops_everybody_for_as_long_as_it_says(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 20)
    receiver.script(PATH, *[OK] * 5, status(429, {"Retry-After": "1"}), OK)
    report = push(max_in_flight=2)
    assert report.account == Account(selected=20, delivered=20)
    longest_s = max(gaps_s(receiver.requests))
    assert 0.95 <= longest_s < 2
    slowed = receiver.requests[5]
    again = [request for request in receiver.requests if customer_of(request) == customer_of(slowed)]
    assert len({request.headers["idempotency-key"] for request in again}) == 1
    assert {row["attempts"] for row in rows(database, "select attempts from push_deliveries")} == {1, 2}


def test_a_used_up_limit_is_waited_for_before_the_receiver_refuses(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 6)
    used_up = json_reply({}, 201, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1"})
    receiver.script(PATH, in_turn(OK, OK, used_up, OK))
    assert push().account == Account(selected=6, delivered=6)
    assert gaps_s(receiver.requests)[2] >= 0.95
    assert len(receiver.requests) == 6
