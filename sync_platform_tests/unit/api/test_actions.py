"""Which response action matches which answer."""

from typing import Any

import httpx
import pytest

from sync_platform.api.actions import matching_action, stated_message
from sync_platform.api.spec import ResponseAction


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"status": 403}, True),
        ({"status": [429, 403]}, True),
        ({"status": 404}, False),
        ({"headers": {"x-remaining": 0}}, True),
        ({"headers": {"X-Remaining": ["1", "0"]}}, True),
        ({"headers": {"X-Remaining": "1"}}, False),
        ({"headers": {"X-Absent": ""}}, False),
        ({"body": {"error.code": "busy"}}, True),
        ({"body": {"error.code": ["free", "busy"]}}, True),
        ({"body": {"error.code": "free"}}, False),
        ({"body": {"error.absent": None}}, False),
        ({"body": {"error.null": None}}, True),
        ({"body": {"error.one": 1}}, True),
        ({"body": {"error.one": True}}, False),
        ({"status": 403, "body": {"error.code": "busy"}, "headers": {"X-Remaining": "0"}}, True),
        ({"status": 403, "body": {"error.code": "busy"}, "headers": {"X-Remaining": "9"}}, False),
    ],
)
def test_every_condition_must_hold(condition: dict[str, Any], fits: bool) -> None:
    action = ResponseAction.model_validate({**condition, "action": "retry"})
    headers = httpx.Headers({"X-Remaining": "0"})
    body = b'{"error": {"code": "busy", "null": null, "one": 1}}'
    assert (matching_action([action], 403, headers, body) is not None) is fits


def test_the_first_match_wins() -> None:
    actions = [
        ResponseAction(status=404, action="fail"),
        ResponseAction(status=403, action="retry"),
        ResponseAction(status=403, action="end_of_pages"),
    ]
    assert matching_action(actions, 403, {}, b"") == (1, actions[1])
    assert matching_action(actions, 200, {}, b"") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"m": "REQUEST_LIMIT_EXCEEDED"}', "REQUEST_LIMIT_EXCEEDED"),
        (b'{"m": "ann@example.com is unknown"}', None),
        (b'{"m": "Ann Smith"}', None),
        (b'{"m": "4930123456"}', None),
        (b'{"m": 7}', None),
        (b"not json", None),
    ],
)
def test_only_a_bare_code_is_quoted(body: bytes, message: str | None) -> None:
    action = ResponseAction.model_validate({"status": 400, "action": "fail", "message": "m"})
    assert stated_message(action, body) == message
