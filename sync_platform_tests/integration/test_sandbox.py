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
