"""The examples, as they stand in `examples/`, against receivers that behave like what they are for."""

import base64
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.push.push import replay, run_push
from sync_platform.push.reports import PushContext
from sync_platform.push.spec import ApiPushSpec
from sync_platform.warehouse import statements
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.integration.push.conftest import add_customers, context_of, rename, rows
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)

ROOT = Path(__file__).parents[3]
SECRET = "whsec_" + base64.b64encode(b"a secret of the partner").decode()

Example = Callable[..., PushContext]


@pytest.fixture
def example(database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    """The push of an example, its SQL files beside the platform's own, as its README says."""

    def load(name: str, **environment: str) -> PushContext:
        shutil.copytree(ROOT / "sql", tmp_path / "sql")
        shutil.copytree(ROOT / "examples" / name / "sql", tmp_path / "sql", dirs_exist_ok=True)
        monkeypatch.setattr(statements, "sql_folder", lambda: tmp_path / "sql")
        text = (ROOT / "examples" / name / "defs.yaml").read_text()
        assert text.count("\n") <= 35
        spec = ApiPushSpec.model_validate(safe_load_yaml(text)["attributes"])
        return context_of(database, spec, target=spec.name, environment=environment)

    return load


def test_crm_contacts(database: DatabaseAddress, receiver: ScriptedServer, example: Example) -> None:
    add_customers(database, 12)
    contacts: dict[str, object] = {}
    busy = {"c00005"}

    def crm(request: RecordedRequest) -> ScriptedReply:
        assert request.method == "PUT"
        assert request.headers["authorization"] == "Bearer crm-token"
        contact = request.path.removeprefix("/v3/contacts/")
        if contact in busy:
            busy.discard(contact)
            return json_reply({"status": "error"}, 200)
        contacts[contact] = json.loads(request.body)
        return json_reply({"status": "ok"}, 200)

    for number in range(1, 13):
        receiver.script(f"/v3/contacts/c{number:05}", crm)
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "create table crm_contacts_sent "
            "(customer_id text primary key, push_id bigint not null, sent_at timestamptz not null)"
        )
        connection.execute("update users set status = 'inactive' where external_id = 'c00002'")
    push = example("push_crm_contacts", CRM_URL=f"{receiver.url}/v3", CRM_TOKEN="crm-token")

    report = run_push(push)

    assert (report.status, report.account.delivered, report.requests) == ("completed", 12, 13)
    assert contacts["c00002"] == {
        "properties": {
            "email": "c2@example.com",
            "full_name": "Customer 2",
            "lifecycle": "former customer",
        },
        "tags": ["from-warehouse"],
    }
    sent = rows(database, "select customer_id, push_id from crm_contacts_sent order by 1")
    assert [row["customer_id"] for row in sent] == sorted(contacts)
    assert {row["push_id"] for row in sent} == {report.push_id}


def test_signed_webhook(database: DatabaseAddress, receiver: ScriptedServer, example: Example) -> None:
    add_customers(database, 20)
    lost = {"c00007"}

    def webhook(request: RecordedRequest) -> ScriptedReply:
        verify(request)
        customer_id = json.loads(request.body)["data"]["id"]
        if customer_id in lost:
            lost.discard(customer_id)
            return status(504)
        return json_reply({}, 202)

    receiver.script("/hook", webhook)
    push = example(
        "push_signed_webhook",
        PARTNER_WEBHOOK_URL=f"{receiver.url}/hook",
        PARTNER_WEBHOOK_SECRET=SECRET,
    )

    first = run_push(push)
    assert (first.status, first.account.delivered, first.account.in_doubt) == ("completed_with_errors", 19, 1)
    rename(database, "c00001", "Renamed")
    second = run_push(push)
    assert (second.account.delivered, second.account.already_delivered, second.account.in_doubt) == (1, 18, 1)
    again = replay(push)
    assert (again.account.selected, again.account.delivered) == (1, 1)
    assert len(receiver.requests) == 22
    assert "@example.com" not in str([request.body for request in receiver.requests])


def verify(request: RecordedRequest) -> None:
    """Check a signature as a receiver does (Standard Webhooks, "Verifying signatures")."""
    identity, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{identity}.{timestamp}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["webhook-event-id"] == identity
