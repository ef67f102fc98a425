"""The sandbox over HTTP, as the process that `up` and the benchmarks start."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from sync_platform.home.running import _STAND_IN_GROUPS, needs_sandbox
from sync_platform.sandbox.received import Kept


@contextmanager
def sandbox(*arguments: str) -> Iterator[httpx.Client]:
    command = (sys.executable, "-m", "sync_platform.sandbox", *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        named = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {named['EXTERNAL_API_TOKEN']}"}
        try:
            with httpx.Client(base_url=named["EXTERNAL_API_URL"], headers=headers, trust_env=False) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with sandbox("--users", "250", "--static") as started:
        yield started


def page(client: httpx.Client, **params: str | int) -> dict[str, Any]:
    reply = client.get("/users", params=params)
    assert reply.status_code == 200
    answered: dict[str, Any] = reply.json()
    return answered


def test_pages_cover_everybody_once_in_order(client: httpx.Client) -> None:
    pages = [page(client, page=number, limit=100) for number in (1, 2, 3, 4)]

    assert [len(one["data"]) for one in pages] == [100, 100, 50, 0]
    assert {one["total"] for one in pages} == {250}
    assert [person["id"] for one in pages for person in one["data"]] == list(range(1, 251))


def test_the_filter_is_inclusive_and_the_total_counts_the_filtered(client: httpx.Client) -> None:
    everyone = page(client, limit=1000)["data"]
    newest = max(person["updated_at"] for person in everyone)
    later = datetime.fromisoformat(newest) + timedelta(microseconds=1)

    assert page(client, updated_since=newest)["total"] == 1
    assert page(client, updated_since=later.isoformat()) == {"data": [], "total": 0}
    assert page(client, updated_since="", limit=1)["total"] == 250


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic sandbox-token", "Bearer ü"])
def test_without_the_token_nothing_is_served(client: httpx.Client, authorization: str) -> None:
    reply = client.get("/users", headers={b"Authorization": authorization.encode()})

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "params",
    [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"limit": "0"}, {"page": "²"}, {"updated_since": "soon"}],
)
def test_a_wrong_parameter_is_refused(client: httpx.Client, params: dict[str, str]) -> None:
    reply = client.get("/users", params=params)

    assert reply.status_code == 400
    assert next(iter(params)) in reply.json()["error"]


def test_replies_say_when_they_were_sent(client: httpx.Client) -> None:
    sent_at = parsedate_to_datetime(client.get("/users").headers["Date"])

    assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=1)


def test_a_living_sandbox_always_has_something_new() -> None:
    with sandbox("--users", "1000") as living:
        hour_ago = datetime.now(UTC) - timedelta(hours=1)

        found = page(living, updated_since=hour_ago.isoformat(), limit=1000)["data"]

    assert 100 <= len(found) <= 182
    assert all(datetime.fromisoformat(person["updated_at"]) >= hour_ago for person in found)


def test_a_taken_port_is_named(client: httpx.Client) -> None:
    port = str(client.base_url.port)
    command = (sys.executable, "-m", "sync_platform.sandbox", "--port", port)

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert port in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_it_says_which_variables_it_stands_in_for() -> None:
    command = (sys.executable, "-m", "sync_platform.sandbox")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        named = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)

    assert set(named) == {name for group in _STAND_IN_GROUPS for name in group}


def test_the_sandbox_is_needed_unless_every_system_has_a_url() -> None:
    urls = {group[0]: "https://api.example.com" for group in _STAND_IN_GROUPS}

    assert not needs_sandbox(urls)
    assert all(needs_sandbox({**urls, name: ""}) for name in urls)


def test_a_customer_is_taken_once_a_key_and_can_be_read_back(client: httpx.Client) -> None:
    ada = {"id": "7", "email": "ada@example.com"}
    key = {"Idempotency-Key": "first"}

    taken = [client.post("/customers", json=ada, headers=key) for _ in range(2)]
    other_body = client.post("/customers", json={**ada, "email": "x@example.com"}, headers=key)

    assert [(reply.status_code, reply.json()) for reply in taken] == [(201, {"id": "7", "deliveries": 1})] * 2
    assert other_body.status_code == 422
    assert client.get("/customers/7").json() == {"customer": ada, "deliveries": 1}
    assert client.get("/customers").json()["total"] == 1
    assert client.get("/customers/8").status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": null}', b'{"id": true}'])
def test_what_is_no_customer_is_refused(client: httpx.Client, body: bytes) -> None:
    assert client.post("/customers", content=body).status_code == 400


def test_customers_ask_for_the_token_and_campaign_systems_have_none(client: httpx.Client) -> None:
    nobody = {"Authorization": ""}

    assert client.get("/customers", headers=nobody).status_code == 401
    assert client.get("/cms/banners", headers=nobody).status_code == 200


def test_a_banner_is_shown_until_it_is_removed(client: httpx.Client) -> None:
    banner = {"title": "Spring"}

    puts = [client.put("/cms/banners/spring", json=banner).json()["puts"] for _ in range(2)]
    shown = client.get("/cms/banners/spring").json()
    removed = [client.delete("/cms/banners/spring").json() for _ in range(2)]

    assert puts == [1, 2]
    assert shown == {"banner": banner, "puts": 2}
    assert removed == [{"removed": 1}, {"removed": 0}]
    assert client.get("/cms/banners/spring").status_code == 404


def test_pages_are_warmed_for_each_customer_of_a_campaign(client: httpx.Client) -> None:
    for customer_id in ("1", "2", "2"):
        client.post("/cache/pages", json={"campaign_id": "warm", "customer_id": customer_id})

    pages = client.get("/cache/pages", params={"campaign_id": "warm"}).json()["data"]

    assert [(page["customer_id"], page["warmed"]) for page in pages] == [("1", 1), ("2", 2)]
    assert client.post("/cache/pages", json={"campaign_id": "warm", "customer_id": 3}).status_code == 400


def test_a_due_notification_can_be_removed_and_a_sent_one_cannot(client: httpx.Client) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for customer_id, send_at in (("1", None), ("2", tomorrow)):
        body = {"campaign_id": "mail", "customer_id": customer_id, "send_at": send_at}
        again = [
            client.post(
                "/notify/notifications", json=body, headers={"Idempotency-Key": f"mail-{customer_id}"}
            )
            for _ in range(2)
        ]
        assert [(reply.status_code, reply.json()) for reply in again] == [(201, {"copies": 1})] * 2

    removed = client.delete("/notify/notifications", params={"campaign_id": "mail"}).json()
    left = client.get("/notify/notifications", params={"campaign_id": "mail"}).json()["data"]

    assert removed == {"removed": 1}
    assert [(one["customer_id"], one["status"]) for one in left] == [("1", "sent")]


def test_an_ordered_fault_lasts_for_its_number_of_requests(client: httpx.Client) -> None:
    client.put("/faults/cms", json={"status": 503, "times": 2})

    statuses = [client.get("/cms/banners").status_code for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert client.put("/faults/moon", json={"status": 503, "times": 2}).status_code == 400


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    kept: Kept[int] = Kept(size=2)
    for number in (1, 2, 1, 3):
        kept.put(str(number), number)

    assert list(kept.items()) == [("1", 1), ("3", 3)]
