"""From rows to requests, signatures and refused targets."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync_platform.push.account import Account, Status, status_of
from sync_platform.push.render import Template
from sync_platform.push.signing import signature_headers, signing_key
from sync_platform.push.spec import PushRequestSpec
from sync_platform.push.targets import ForbiddenTargetError, is_forbidden_address, require_allowed_target
from sync_platform.vocabulary import PermanentError, SettingsError

ROW: dict[str, Any] = {
    "id": 7,
    "name": 'Ada "B"',
    "gone": None,
    "since": datetime(2026, 1, 2, tzinfo=UTC),
    "sum": Decimal("1.50"),
    "tags": ["a", "b"],
}


def template(**words: Any) -> Template:
    return Template(PushRequestSpec.model_validate({"url": "https://example.com", **words}), list(ROW))


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ({"id": "{id}"}, b'{"id":7}'),
        ({"b": 1, "a": "{gone}"}, b'{"a":null,"b":1}'),
        ({"text": "no {id}: {name}{gone}"}, b'{"text":"no 7: Ada \\"B\\""}'),
        (["{tags}", {"sum": "{sum}"}, "{since}"], b'[["a","b"],{"sum":1.50},"2026-01-02T00:00:00Z"]'),
        ({"secret": "${id}"}, b'{"secret":"${id}"}'),
        (None, b"null"),
    ],
)
def test_a_body_is_filled_into_canonical_bytes(body: object, rendered: bytes) -> None:
    assert template(json=body).render(ROW).payload == rendered


def test_the_hash_tells_apart_what_differs_in_url_or_header_only() -> None:
    one = template(url="https://example.com/{id}", headers={"X-Name": "{name}"}, json={})
    hashes = {
        one.render(row).payload_hash for row in (ROW, ROW | {"id": 8}, ROW | {"name": "Bea"}, dict(ROW))
    }
    assert len(hashes) == 3


def test_a_placeholder_in_the_path_is_percent_encoded_and_a_null_header_left_out() -> None:
    parts = template(url="https://example.com/{name}", headers={"X-Gone": "{gone}"}).parts(ROW)
    assert parts == {"url": "https://example.com/Ada%20%22B%22", "params": [], "headers": []}


def test_an_unknown_column_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(PermanentError, match=r"\{emial\}, which is no column .* id, name"):
        template(json={"a": "{emial}"})


def test_a_request_is_signed_after_standard_webhooks() -> None:
    secret = "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode()
    headers = dict(signature_headers(signing_key(secret), message_id="m1", timestamp_s=5, body=b"{}"))
    digest = hmac.new(b"twenty-four bytes of key", b"m1.5.{}", hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "m1",
        "webhook-timestamp": "5",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", ""])
def test_a_secret_that_is_none_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"^sign\.secret is not"):
        signing_key(secret)


@pytest.mark.parametrize(
    ("host", "is_forbidden"),
    [
        ("169.254.169.254", True),
        ("[::ffff:169.254.169.254]", True),
        ("2852039166", True),
        ("0xa9fea9fe", True),
        ("[fe80::1]", True),
        ("[fd00:ec2::254]", True),
        ("metadata.google.internal", True),
        ("METADATA.google.internal.", True),
        ("127.0.0.1", False),
        ("10.0.0.8", False),
        ("example.com", False),
    ],
)
def test_metadata_and_link_local_targets_are_refused(host: str, is_forbidden: bool) -> None:
    url = f"http://{host}/latest"
    if is_forbidden:
        with pytest.raises(ForbiddenTargetError):
            require_allowed_target(url)
    else:
        require_allowed_target(url)


def test_a_name_is_no_forbidden_address_by_itself() -> None:
    assert not is_forbidden_address("localhost")
    assert is_forbidden_address("fe80::1%eth0")


@pytest.mark.parametrize(
    ("account", "is_limited", "pending", "status"),
    [
        (Account(2, delivered=2), False, 0, "completed"),
        (Account(2, delivered=1, planned=1), True, 0, "completed"),
        (Account(2, delivered=1, planned=1), False, 0, "incomplete"),
        (Account(2, dead=1, planned=1), False, 0, "incomplete"),
        (Account(2, delivered=1, dead=1), False, 0, "completed_with_errors"),
        (Account(2, delivered=1, in_doubt=1), False, 0, "completed_with_errors"),
        (Account(2, delivered=2), False, 1, "completed_with_errors"),
    ],
)
def test_the_status_is_the_worst_that_applies(
    account: Account, is_limited: bool, pending: int, status: Status
) -> None:
    assert account.is_balanced
    assert status_of(account, is_limited=is_limited, after_each_pending=pending) == status
