"""Secrets and customers' values stand only where they belong: landed pages, the table, the quarantine."""

import json
import logging
from pathlib import Path

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.land import Landing
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import SyncPlatformError
from sync_platform_tests.fake_users_api import TOKEN, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import ScriptedReply, body_reply, html_reply, json_reply, status

EMAIL = "canary.customer"


def everything_told(rig: Rig, caplog: pytest.LogCaptureFixture, *errors: BaseException) -> str:
    """All that is logged, raised, or kept in ledgers and manifests, but for the records themselves."""
    told = [*rig.lines, caplog.text, *map(str, errors), *map(repr, errors)]
    told += [json.dumps(row, default=str) for row in rig.rows("select * from sync_logs")]
    told += [json.dumps(row, default=str) for row in rig.rows("select * from sync_retry_queue")]
    told += [json.dumps(row, default=str) for row in rig.rows("select * from sync_metadata")]
    told += [
        json.dumps({**row, "record": None}, default=str) for row in rig.rows("select * from sync_quarantine")
    ]
    told += [path.read_text() for path in Path(rig.landing_url).rglob("*.json")]
    return "\n".join(told)


def customers(rig: Rig) -> None:
    """Good and bad records, every one with the customer's address in it."""
    for number in range(1, 26):
        rig.api.put(number, email=f"{EMAIL}{number}@example.com")
    for place, field in (
        (3.5, {"active": EMAIL}),
        (5.5, {"updated_at": EMAIL}),
        (13.5, {"first_name": [EMAIL]}),
    ):
        rig.api.put_text(place, json.dumps({"id": int(place * 100), "email": f"{EMAIL}@x", **field}))
    rig.api.put_text(14.5, f'{{"id": 1450, "email": "{EMAIL}\\u0000@x", "active": true}}')
    rig.api.put_text(15.5, f'{{"id": 1550, "email": "{EMAIL}", "active": NaN}}')


def test_a_sync_with_every_kind_of_reject_tells_no_value(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig.execute("alter table users add constraint polite check (email <> 'canary.customer7@example.com')")
    customers(rig)
    rig.api.faults[3] = body_reply(f'{{"data": [{{"email": "{EMAIL}@x"'.encode())
    report = rig.sync()
    assert report.account.quarantined == 6
    told = everything_told(rig, caplog)
    assert "polite" in told
    assert EMAIL not in told
    assert TOKEN not in told
    rig.api.faults.clear()
    rig.drain()
    told = everything_told(rig, caplog)
    assert EMAIL not in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    "fault",
    [
        status(401),
        status(500),
        html_reply(),
        json_reply({"error": f"{EMAIL} is not allowed, token {TOKEN}"}),
        json_reply({"error": f"{EMAIL} is not allowed, token {TOKEN}"}, status=400),
        body_reply(f'{{"data": ["{EMAIL} {TOKEN}'.encode()),
        body_reply(b'{"data": ["' + EMAIL.encode() + b'\xff"]}'),
    ],
)
def test_a_failing_page_1_tells_no_value(
    rig: Rig, caplog: pytest.LogCaptureFixture, fault: ScriptedReply
) -> None:
    caplog.set_level(logging.DEBUG)
    rig.api.faults[1] = fault
    context = rig.turn()
    with pytest.raises(SyncPlatformError) as failure:
        engine.read_source(context, SyncOrder())
    turns.fail(context, str(failure.value))
    told = everything_told(rig, caplog, failure.value)
    assert EMAIL not in told
    assert TOKEN not in told


def test_a_token_in_the_query_is_stored_nowhere(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig.spec = users_spec(
        auth={"type": "query", "name": "key", "value": "${EXTERNAL_API_TOKEN}"},
        pagination={"type": "next_url", "next": "next_url"},
        request={"path": "/users", "params": {"limit": 10}},
        max_concurrent_pages=None,
    )
    rig.api.total_of = lambda _: None
    rig.api.fill(25)
    rig.api.next_suffix = f"&key={TOKEN}"
    rig.api.faults[21] = status(500)
    rig.sync()
    assert all(request.param("key") == TOKEN for request in rig.api.requests)
    landed = b"".join(
        page.request for sync in Landing(rig.landing_url, "users").syncs() for page in sync.pages(1)
    )
    assert TOKEN not in landed.decode()
    assert TOKEN not in everything_told(rig, caplog)
    rig.api.faults.clear()
    assert rig.drain().done == 1


def test_a_landed_request_holds_no_token_but_the_page_as_received(rig: Rig) -> None:
    rig.api.fill(3)
    report = rig.sync()
    [page] = rig.landed(report.sync_id).pages(1)
    assert TOKEN not in page.request.decode()
    assert json.loads(page.body)["data"] == [json.loads(text) for text in rig.api.texts()]
    assert rig.api.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
