"""What becomes of customers when the receiver misbehaves."""

import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.push.account import Account
from sync_platform.push.push import run_push
from sync_platform.push.reports import PushReport
from sync_platform.push.targets import ForbiddenTargetError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    by_customer,
    context_of,
    customer_of,
    delivery,
    in_turn,
    rows,
    spec_of,
)
from sync_platform_tests.scripted_server import (
    Reply,
    ScriptedServer,
    disconnect,
    hang_after_headers,
    hang_before_headers,
    json_reply,
    redirect,
    reset,
    short_body,
    status,
)

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)
POISONED = "c00002"
DEAD_RULE = {"success": {"body": {"ok": True}}}


@dataclass(frozen=True, slots=True)
class Fault:
    """What one of three customers gets as replies, under which words of the YAML, and what comes of it."""

    replies: Sequence[Reply]
    words: dict[str, Any]
    account: Account
    tries: int


@pytest.mark.parametrize(
    "fault",
    [
        Fault([status(500), OK], {}, Account(3, delivered=3), 2),
        Fault([status(500)], {}, Account(3, delivered=2, dead=1), 4),
        Fault([status(503), OK], {}, Account(3, delivered=3), 2),
        Fault([status(408), status(409), status(425), OK], {}, Account(3, delivered=3), 4),
        Fault([status(409)], {}, Account(3, delivered=2, dead=1), 4),
        Fault([status(422)], {}, Account(3, delivered=2, dead=1), 1),
        Fault([status(404)], {}, Account(3, delivered=2, dead=1), 1),
        Fault([status(502), status(504), OK], {}, Account(3, delivered=3), 3),
        Fault([reset(), OK], {}, Account(3, delivered=3), 2),
        Fault([disconnect(), OK], {}, Account(3, delivered=3), 2),
        Fault([short_body({"ok": True}), OK], {}, Account(3, delivered=3), 2),
        Fault([hang_before_headers(), OK], {"timeout_s": 0.3}, Account(3, delivered=3), 2),
        Fault([hang_after_headers(), OK], {"timeout_s": 0.3}, Account(3, delivered=3), 2),
        Fault([reset()], {}, Account(3, delivered=2, in_doubt=1), 4),
        Fault([reset()], {"in_doubt": "park"}, Account(3, delivered=2, in_doubt=1), 1),
        Fault([status(504)], {"in_doubt": "park"}, Account(3, delivered=2, in_doubt=1), 1),
        Fault([status(500), OK], {"in_doubt": "park"}, Account(3, delivered=3), 2),
        Fault([json_reply({"ok": False}, 200)], DEAD_RULE, Account(3, delivered=2, dead=1), 1),
        Fault(
            [json_reply({"ok": False}, 200), OK],
            {"success": {"body": {"ok": True}, "otherwise": "retry"}},
            Account(3, delivered=3),
            2,
        ),
        Fault([status(200)], {"success": {"status": 201}}, Account(3, delivered=2, dead=1), 1),
    ],
)
def test_a_fault_of_one_customer_ends_as_the_design_says_and_holds_up_nobody(
    database: DatabaseAddress,
    receiver: ScriptedServer,
    push: Push,
    fault: Fault,
) -> None:
    add_customers(database, 3)
    receiver.script(PATH, by_customer(**{POISONED: in_turn(*fault.replies)}))
    assert push(**fault.words).account == fault.account
    sent = Counter(map(customer_of, receiver.requests))
    assert sent == {"c00001": 1, POISONED: fault.tries, "c00003": 1}
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 3
    row = delivery(database, POISONED)
    assert (row["last_error"] is None) == (row["status"] == "delivered")


def test_many_poisoned_customers_are_named_dead_and_do_not_look_like_an_outage(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 60)
    poisoned = {f"c{n:05}" for n in range(3, 60, 6)}
    receiver.script(PATH, by_customer(**dict.fromkeys(poisoned, status(500))))
    report = push(max_in_flight=4)
    assert report.account == Account(selected=60, delivered=50, dead=10)
    assert (report.status, report.reason) == ("completed_with_errors", None)
    dead = rows(database, "select customer_id from push_deliveries where status = 'dead'")
    assert {row["customer_id"] for row in dead} == poisoned


def test_a_redirect_is_refused_and_nothing_goes_to_the_other_host(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 1)
    with ScriptedServer() as elsewhere:
        receiver.script(PATH, redirect(f"{elsewhere.url}{PATH}", 307))
        report = push(auth={"type": "bearer", "token": "a secret"})
        assert report.account == Account(selected=1, dead=1)
        assert not elsewhere.requests
    assert receiver.requests[0].headers["authorization"] == "Bearer a secret"
    assert "a secret" not in delivery(database, "c00001")["last_error"]


def test_a_token_that_is_refused_midway_stops_the_push_with_the_rest_planned(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 6)
    receiver.script(PATH, OK, OK, status(401))
    with pytest.raises(UnauthorizedError, match="401"):
        push()
    assert len(receiver.requests) == 3
    assert rows(database, "select status, count(*) as n from push_deliveries group by 1 order by 1") == [
        {"status": "delivered", "n": 2},
        {"status": "planned", "n": 4},
    ]
    [log] = rows(database, "select status, delivered, planned, dead from push_logs")
    assert log == {"status": "failed", "delivered": 2, "planned": 4, "dead": 0}
    receiver.script(PATH, OK)
    assert push().account == Account(selected=6, delivered=4, already_delivered=2)


def test_a_receiver_that_is_down_leaves_everybody_planned(database: DatabaseAddress) -> None:
    add_customers(database, 10)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    breaker = {"failures": 3, "probe_s": 0.1, "give_up_s": 0.6}
    report = run_push(context_of(database, spec_of(f"http://127.0.0.1:{port}{PATH}", breaker=breaker)))
    assert (report.account, report.status) == (Account(selected=10, planned=10), "incomplete")
    assert report.reason
    assert "give_up_s" in report.reason
    assert report.requests <= 3 + 6


@pytest.mark.parametrize("in_flight", [1, 8])
def test_an_open_breaker_makes_nobody_dead_and_closes_when_the_receiver_is_back(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, in_flight: int
) -> None:
    add_customers(database, 30)
    receiver.script(PATH, *[status(500)] * 12, OK)
    report = push(max_in_flight=in_flight, breaker={"failures": 3, "probe_s": 0.05, "give_up_s": 20})
    assert report.account == Account(selected=30, delivered=30)
    assert report.requests == 42


def test_an_outage_that_lasts_ends_the_push_with_nobody_dead(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 30)
    receiver.script(PATH, *[OK] * 5, status(503))
    report = push(breaker={"failures": 3, "probe_s": 0.1, "give_up_s": 0.5})
    assert (report.account, report.status) == (
        Account(selected=30, delivered=5, planned=25),
        "incomplete",
    )
    receiver.script(PATH, OK)
    assert push().account == Account(selected=30, delivered=25, already_delivered=5)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://2852039166/", "http://[fe80::1]/"])
def test_cloud_metadata_is_refused_before_anything_is_planned_to_go_there(
    database: DatabaseAddress, url: str
) -> None:
    add_customers(database, 1)
    with pytest.raises(ForbiddenTargetError):
        run_push(context_of(database, spec_of(url)))
    assert rows(database, "select status, attempts from push_deliveries") in (
        [],
        [{"status": "planned", "attempts": 0}],
    )
