"""The books of a push, on a real database and a real receiver."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sync_platform.push.account import Account
from sync_platform.push.push import replay, run_push
from sync_platform.push.reports import PushReport
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    by_customer,
    context_of,
    customer_of,
    delivery,
    rename,
    rows,
    spec_of,
)
from sync_platform_tests.scripted_server import ScriptedServer, json_reply, status

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)


def keys_of(receiver: ScriptedServer) -> list[str]:
    return [request.headers["idempotency-key"] for request in receiver.requests]


def test_every_customer_is_sent_once_and_the_books_balance(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 25)
    report = push(max_in_flight=4)
    assert report.account == Account(selected=25, delivered=25)
    assert report.status == "completed"
    assert Counter(map(customer_of, receiver.requests)) == {f"c{n:05}": 1 for n in range(1, 26)}
    assert len(set(keys_of(receiver))) == 25
    [log] = rows(database, "select * from push_logs")
    assert (log["selected"], log["delivered"], log["status"], log["requests"]) == (25, 25, "completed", 25)
    assert rows(database, "select count(*) as n from push_attempts") == [{"n": 25}]


def test_customers_are_sent_in_the_order_of_the_source(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 40)
    push()
    assert list(map(customer_of, receiver.requests)) == [f"c{n:05}" for n in range(1, 41)]


def test_a_rerun_does_not_send_a_delivered_customer_again(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 3)
    push()
    assert push().account == Account(selected=3, already_delivered=3)
    assert len(receiver.requests) == 3


def test_a_b_a_are_three_deliveries_with_three_keys(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 1)
    for name in ("Ada", "Bea", "Ada"):
        rename(database, "c00001", name)
        assert push().account == Account(selected=1, delivered=1)
    assert len(set(keys_of(receiver))) == 3
    assert receiver.requests[0].body == receiver.requests[2].body
    assert delivery(database, "c00001")["generation"] == 3


def test_a_change_that_is_taken_back_before_it_was_sent_sends_nothing(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 2)
    push()
    receiver.script(PATH, status(401))
    rename(database, "c00002", "Somebody")
    with pytest.raises(PermanentError):
        push()
    rename(database, "c00002", "Customer 2")
    receiver.script(PATH, OK)
    assert push().account == Account(selected=2, already_delivered=2)
    assert len(receiver.requests) == 3


def test_send_all_sends_everything_again_but_goes_on_with_a_round_that_stopped(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 3)
    push(send="all")
    receiver.script(PATH, OK, status(401), OK)
    with pytest.raises(PermanentError, match="401"):
        push(send="all")
    assert push(send="all").account == Account(selected=3, delivered=2, already_delivered=1)
    sent = Counter(map(customer_of, receiver.requests[3:]))
    assert sent == {"c00001": 1, "c00002": 2, "c00003": 1}
    assert push(send="all").account == Account(selected=3, delivered=3)


def test_a_limit_sends_the_first_ones_and_leaves_the_rest_planned(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 10)
    report = push(limit=4)
    assert (report.account, report.status) == (Account(selected=10, delivered=4, planned=6), "completed")
    assert push(limit=4).account == Account(selected=10, delivered=4, already_delivered=4, planned=2)
    assert list(map(customer_of, receiver.requests)) == [f"c{n:05}" for n in range(1, 9)]


def test_a_dry_run_shows_masked_samples_and_writes_nothing(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 3)
    report = push(dry_run=True)
    assert report.account == Account(selected=3, planned=3)
    assert report.samples[0] == {
        "customer_id": "c***1",
        "payload": '{"email": "***", "id": "***", "name": "***", "status": "***"}',
    }
    assert not receiver.requests
    assert not rows(database, "select target from push_deliveries")
    assert not rows(database, "select target from push_logs")
    assert not rows(database, "select target from push_targets")


def test_dead_stay_dead_until_replay_or_a_new_payload(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 3)
    receiver.script(PATH, by_customer(c00001=status(422), c00002=status(422)))
    report = push()
    assert (report.account, report.status) == (
        Account(selected=3, delivered=1, dead=2),
        "completed_with_errors",
    )
    assert push().account == Account(selected=3, already_delivered=1, dead=2)
    rename(database, "c00002", "Somebody else")
    receiver.script(PATH, OK)
    assert push().account == Account(selected=3, delivered=1, already_delivered=1, dead=1)
    context = context_of(database, spec_of(f"{receiver.url}{PATH}"))
    assert replay(context).account == Account(selected=1, delivered=1)
    to_first = [r.headers["idempotency-key"] for r in receiver.requests if customer_of(r) == "c00001"]
    assert len(to_first) == 2
    assert len(set(to_first)) == 1


def test_a_customer_that_left_the_source_is_not_sent(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 2)
    receiver.script(PATH, status(401))
    with pytest.raises(PermanentError):
        push()
    rows(database, "delete from users where external_id = 'c00002' returning 1")
    receiver.script(PATH, OK)
    assert push().account == Account(selected=1, delivered=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"key": "id"}, "The key `id` is no column"),
        (
            {"request": {"url": "http://127.0.0.1:1/", "json": {"a": "{emial}"}}},
            "{emial}, which is no column",
        ),
        ({"source": "push/no_such"}, "There is no statement push/no_such"),
        ({"key": "status"}, "returns 2 rows whose `status` another row has"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_is_sent(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, words: dict[str, Any], said: str
) -> None:
    add_customers(database, 3)
    with pytest.raises(PermanentError, match=said.replace("{", r"\{").replace("}", r"\}")):
        push(**words)
    assert not receiver.requests
    assert rows(database, "select status from push_logs") == [{"status": "failed"}]


def test_url_params_and_headers_of_a_customer_are_kept_and_sent(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 1)
    rename(database, "c00001", "Zoë / Ada\nX: y")
    receiver.script("/c/c00001", OK)
    request = {
        "method": "PUT",
        "url": f"{receiver.url}/c/{{customer_id}}",
        "params": {"status": "{status}", "fixed": 1},
        "headers": {"X-Name": "{name}"},
        "json": {"name": "{name}", "n": 1},
    }
    run_push(context_of(database, spec_of("", request=request)))
    [sent] = receiver.requests
    assert (sent.method, sent.path, sent.query) == (
        "PUT",
        "/c/c00001",
        (("status", "active"), ("fixed", "1")),
    )
    assert sent.headers["x-name"] == "Zo%C3%AB%20/%20Ada%0AX%3A%20y"
    assert sent.body == '{"n":1,"name":"Zoë / Ada\\nX: y"}'.encode()


def test_variables_stay_out_of_the_ledger(database: DatabaseAddress, receiver: ScriptedServer) -> None:
    add_customers(database, 1)
    rename(database, "c00001", "${OTHER}")
    request = {"url": "${URL}", "headers": {"X-Key": "${KEY}"}, "json": {"key": "${KEY}", "name": "{name}"}}
    environment = {"URL": f"{receiver.url}{PATH}", "KEY": "open sesame", "OTHER": "not asked for"}
    run_push(context_of(database, spec_of("", request=request), environment=environment))
    [sent] = receiver.requests
    assert (sent.headers["x-key"], sent.body) == ("open sesame", b'{"key":"open sesame","name":"${OTHER}"}')
    assert "sesame" not in str(rows(database, "select payload::text, request::text from push_deliveries"))
