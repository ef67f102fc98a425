"""The pace as the receiver sees it, in real time but short; longer waits are arithmetic (unit tests)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import LiteralString

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.push.account import Account
from sync_platform.push.reports import PushReport
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    customer_of,
    in_turn,
    rows,
    spec_of,
)
from sync_platform_tests.integration.push.pusher import ended, start_pusher
from sync_platform_tests.integration.push.recorder import recorder
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedServer, json_reply, slow, status

# Gaps of 20 ms cannot be judged while other tests and a database share the cores.
pytestmark = pytest.mark.slow

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)


def gaps_s(requests: Sequence[RecordedRequest]) -> list[float]:
    return [later.at_s - earlier.at_s for earlier, later in pairwise(requests)]


@pytest.mark.parametrize(
    ("pace", "gap_s", "count"),
    [({"wait_s": 0.2}, 0.2, 15), ({"max_requests_per_s": 50}, 0.02, 150)],
    ids=["wait of 0.2 s", "50 a second"],
)
def test_every_gap_that_the_receiver_sees_is_kept(
    database: DatabaseAddress, pace: dict[str, float], gap_s: float, count: int
) -> None:
    add_customers(database, count)
    with recorder() as seen:
        assert ended(start_pusher(database, spec_of(seen.url, pace=pace)))["delivered"] == count
    assert median(seen.gaps_s) == pytest.approx(gap_s, rel=0.05)
    assert min(seen.gaps_s) >= 0.95 * gap_s, [round(gap / gap_s, 3) for gap in sorted(seen.gaps_s)][:9]


def test_the_gap_is_kept_where_a_push_is_killed_and_the_next_one_goes_on(database: DatabaseAddress) -> None:
    add_customers(database, 60)
    with recorder() as seen:
        spec = spec_of(seen.url, pace={"max_requests_per_s": 20})
        first = start_pusher(database, spec)
        _wait_for(database, "select from push_deliveries where status = 'delivered' offset 4")
        first.kill()
        assert ended(first) == {}
        assert ended(start_pusher(database, spec))["planned"] == 0
    assert len(seen.moments_s) in (60, 61)
    assert min(seen.gaps_s) >= 0.95 * 0.05


@pytest.mark.parametrize(
    ("pace", "gap_s", "count"), [({"max_requests_per_s": 50}, 0.02, 300), ({"wait_s": 0.1}, 0.1, 60)]
)
def test_two_pushes_to_one_target_at_once_do_not_go_faster_than_one(
    database: DatabaseAddress, pace: dict[str, float], gap_s: float, count: int
) -> None:
    add_customers(database, count)
    with recorder() as seen:
        spec = spec_of(seen.url, pace=pace)
        first = start_pusher(database, spec)
        _wait_for(database, "select from push_deliveries where status = 'delivered' offset 9")
        second = start_pusher(database, spec)
        outcomes = [ended(first), ended(second)]
    assert outcomes[0] == {"error": "LostTargetError"}
    assert outcomes[1]["delivered"] + outcomes[1]["already_delivered"] == count
    assert min(seen.gaps_s) >= 0.95 * gap_s, [round(gap / gap_s, 3) for gap in sorted(seen.gaps_s)][:9]
    assert len(seen.moments_s) in (count, count + 1), "at most the one in flight was sent again"


def _wait_for(database: DatabaseAddress, query: LiteralString) -> None:
    """Wait until a query returns a row."""
    turns = f"for i in 1..1000 loop exit when exists ({query}); perform pg_sleep(0.01); end loop;"
    with connect(database, autocommit=True) as connection:
        connection.execute(f"do $$ begin {turns} end $$")


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
    assert 0.95 <= gap_s < 1.2


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
