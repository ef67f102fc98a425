"""What happens to a push midway: tokens that end, a database that is lost, rows that change under it."""

import base64
import hashlib
import hmac
import json
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import parse_qs

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.push.account import Account
from sync_platform.push.push import run_push
from sync_platform.push.reports import PushReport
from sync_platform.push.targets import ForbiddenTargetError
from sync_platform.vocabulary import RetryableError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.migrations import migrate
from sync_platform.warehouse.server_place import ServerPlace
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    by_customer,
    context_of,
    customer_of,
    delivery,
    in_turn,
    rename,
    rows,
    spec_of,
)
from sync_platform_tests.postgres import NEWEST
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    disconnect,
    json_reply,
    reset,
    status,
)

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)
TOKEN = "/token"
OAUTH = {"type": "oauth2", "client_id": "me", "client_secret": "a secret"}
TERMINATE: LiteralString = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


class TokenDoor:
    """A receiver that lets each token make so many requests, and a token endpoint that gives new ones."""

    def __init__(self, requests_a_token: int, *, gives_new_ones: bool = True) -> None:
        self._requests_a_token = requests_a_token
        self._gives_new_ones = gives_new_ones
        self._given = 0
        self._left = 0
        self.taken: list[str] = []

    def token(self, request: RecordedRequest) -> ScriptedReply:
        assert parse_qs(request.body.decode())["client_id"] == ["me"]
        if self._gives_new_ones or not self._given:
            self._given += 1
            self._left = self._requests_a_token
        return json_reply({"access_token": f"token {self._given}", "token_type": "bearer"})

    def take(self, request: RecordedRequest) -> ScriptedReply:
        is_good = request.headers["authorization"] == f"Bearer token {self._given}" and self._left > 0
        if not is_good:
            return status(401)
        self._left -= 1
        self.taken.append(customer_of(request))
        return OK


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_token_that_ends_midway_is_renewed_and_everybody_is_sent_once(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, in_flight: int
) -> None:
    add_customers(database, 20)
    door = TokenDoor(requests_a_token=7)
    receiver.script(TOKEN, door.token)
    receiver.script(PATH, door.take)
    auth = OAUTH | {"token_url": f"{receiver.url}{TOKEN}"}
    assert push(auth=auth, max_in_flight=in_flight).account == Account(selected=20, delivered=20)
    assert Counter(door.taken) == {f"c{n:05}": 1 for n in range(1, 21)}
    refused = rows(database, "select count(*) as n from push_attempts where outcome = 'renewed'")
    assert 2 <= refused[0]["n"] <= 2 * in_flight
    assert len(receiver.requests_to(TOKEN)) <= 1 + refused[0]["n"]


def test_a_renewed_token_that_is_refused_too_stops_the_push_with_the_rest_planned(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 6)
    door = TokenDoor(requests_a_token=3, gives_new_ones=False)
    receiver.script(TOKEN, door.token)
    receiver.script(PATH, door.take)
    with pytest.raises(UnauthorizedError, match="401"):
        push(auth=OAUTH | {"token_url": f"{receiver.url}{TOKEN}"})
    assert len(receiver.requests_to(PATH)) == 4, "the token that came again was not tried again"
    found = rows(database, "select status, count(*) as n from push_deliveries group by 1 order by 1")
    assert found == [{"status": "delivered", "n": 3}, {"status": "planned", "n": 3}]


@pytest.mark.parametrize("seed", range(4))
def test_a_database_that_is_lost_midway_fails_the_push_and_the_next_one_sends_the_rest_once(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, seed: int
) -> None:
    dice = random.Random(seed)
    count, in_flight, moment = 40, dice.choice([1, 4, 8]), dice.randint(1, 40)
    add_customers(database, count)

    def lose(_: RecordedRequest) -> ScriptedReply:
        if len(receiver.requests) == moment:
            with connect(database, autocommit=True) as connection:
                connection.execute(TERMINATE)
        return OK

    receiver.script(PATH, lose)
    with pytest.raises(RetryableError, match="lost"):
        push(max_in_flight=in_flight)
    receiver.script(PATH, OK)
    report = push(max_in_flight=in_flight)

    assert report.status == "completed", f"seed {seed}"
    assert report.account.delivered + report.account.already_delivered == count
    sent = Counter(map(customer_of, receiver.requests))
    assert len(sent) == count
    assert sum(sent.values()) - count <= in_flight, f"seed {seed}: only what was in flight is sent again"
    assert len({(customer_of(r), r.headers["idempotency-key"], r.body) for r in receiver.requests}) == count
    logs = rows(database, "select status from push_logs order by push_id")
    assert [log["status"] for log in logs] == ["failed", "completed"]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres that this test may stop."""
    server = EmbeddedPostgres(tmp_path / "server", NEWEST)
    try:
        yield server
    finally:
        server.stop()
        # As root it lives outside of pytest's private folder, and would stay there.
        if place := ServerPlace.find(tmp_path / "server", NEWEST):
            shutil.rmtree(place.folder)


def test_a_server_that_is_restarted_midway_has_forgotten_nothing(
    own_server: EmbeddedPostgres, receiver: ScriptedServer
) -> None:
    address = own_server.start()
    migrate(address)
    add_customers(address, 40)
    spec = spec_of(f"{receiver.url}{PATH}", max_in_flight=2)

    def stop(_: RecordedRequest) -> ScriptedReply:
        if len(receiver.requests) == 20:
            own_server.stop()
        return OK

    receiver.script(PATH, stop)
    with pytest.raises(RetryableError, match="lost"):
        run_push(context_of(address, spec))
    report = run_push(context_of(own_server.start(), spec))
    assert (report.status, report.account.planned) == ("completed", 0)
    sent = Counter(map(customer_of, receiver.requests))
    assert len(sent) == 40
    assert sum(sent.values()) - 40 <= 2, "only what was in flight is sent again"


def test_a_row_that_changes_or_goes_between_plan_and_send_is_sent_as_it_was_planned(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(database, 3)

    def change(request: RecordedRequest) -> ScriptedReply:
        if customer_of(request) == "c00001":
            rename(database, "c00002", "Changed meanwhile")
            rows(database, "delete from users where external_id = 'c00003' returning 1")
        return OK

    receiver.script(PATH, change)
    assert push().account == Account(selected=3, delivered=3)
    names = [json.loads(request.body)["name"] for request in receiver.requests]
    assert names == ["Customer 1", "Customer 2", "Customer 3"]
    assert push().account == Account(selected=2, delivered=1, already_delivered=1)
    assert json.loads(receiver.requests[-1].body)["name"] == "Changed meanwhile"


@pytest.mark.parametrize("fault", [status(500), reset(), disconnect()], ids=["500", "reset", "drop"])
def test_a_receiver_that_takes_an_item_and_then_fails_gets_the_same_key_and_body_again(
    database: DatabaseAddress, receiver: ScriptedServer, push: Push, fault: ScriptedReply
) -> None:
    add_customers(database, 12)
    books: dict[str, bytes] = {}

    def take(request: RecordedRequest) -> ScriptedReply:
        key = request.headers["idempotency-key"]
        if key in books:
            assert books[key] == request.body
            return OK
        books[key] = request.body
        return fault if len(books) % 3 == 0 else OK

    receiver.script(PATH, take)
    assert push(max_in_flight=3).account == Account(selected=12, delivered=12)
    assert Counter(json.loads(body)["id"] for body in books.values()) == {f"c{n:05}": 1 for n in range(1, 13)}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_request_on_a_kept_connection_that_is_lost_is_not_repeated_behind_the_ledgers_back(
    database: DatabaseAddress, receiver: ScriptedServer, method: str
) -> None:
    add_customers(database, 4)
    receiver.script(PATH, by_customer(c00002=disconnect(), c00003=reset()))
    body = {"id": "{customer_id}"}
    request = {"url": f"{receiver.url}{PATH}", "method": method, "json": body}
    report = run_push(context_of(database, spec_of("", request=request, in_doubt="park")))
    assert report.account == Account(selected=4, delivered=2, in_doubt=2)
    assert set(Counter(map(customer_of, receiver.requests)).values()) == {1}


def test_a_connection_that_cannot_be_made_in_time_leaves_nobody_in_doubt(database: DatabaseAddress) -> None:
    add_customers(database, 3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        # The queue of connections is full, so that the next one waits for an answer that never comes.
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}{PATH}"
        words: dict[str, Any] = {"timeout_s": 0.2, "breaker": {"failures": 2, "probe_s": 0.1, "give_up_s": 1}}
        report = run_push(context_of(database, spec_of(url, in_doubt="park", **words)))
        for one in crowd:
            one.close()
    assert (report.account, report.status) == (Account(selected=3, planned=3), "incomplete")
    assert report.requests == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%1", "100.100.100.200", "::ffff:169.254.1.1"])
def test_a_name_that_leads_to_a_link_local_or_metadata_address_is_refused_at_the_door(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    add_customers(database, 2)

    def look_up(_: str, port: int, *__: object, **___: object) -> list[tuple[Any, ...]]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        where = (address, port, 0, 0) if ":" in address else (address, port)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]

    spec = spec_of("http://innocent.example/customers")
    context = context_of(database, spec)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ForbiddenTargetError, match="link-local or cloud-metadata"):
        run_push(context)
    monkeypatch.undo()
    found = rows(database, "select status, attempts from push_deliveries")
    assert {row["status"] for row in found} == {"planned"}


def test_a_signature_is_what_standard_webhooks_asks_for(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 3)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    receiver.script(PATH, by_customer(c00002=in_turn(status(500), OK)))
    spec = spec_of(f"{receiver.url}{PATH}", sign={"secret": "${SECRET}"})
    run_push(context_of(database, spec, environment={"SECRET": secret}))
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    for request in receiver.requests:
        told = {name: request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
        content = f"{told['id']}.{told['timestamp']}.".encode() + request.body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        assert told["signature"] == f"v1,{expected}"
        assert abs(time.time() - int(told["timestamp"])) < 60
    ids = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert sorted(ids.values()) == [1, 1, 2], "a repeat carries the id of the first try"
    assert secret not in str(delivery(database, "c00002"))
