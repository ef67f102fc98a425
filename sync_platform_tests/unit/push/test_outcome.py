"""What each answer means for its item, and what the policy makes of it."""

from datetime import UTC, datetime

import httpx
import pytest

from sync_platform.api.exchange import Reply
from sync_platform.push.items import Item
from sync_platform.push.outcome import Kind, Outcome, judge_exception, judge_reply, limit_pause_s
from sync_platform.push.policy import Verdict, claimable, verdict_on
from sync_platform.push.spec import ApiPushSpec, PushRequestSpec, SuccessSpec

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RESEND = ApiPushSpec(source="push/customers", key="id", request=PushRequestSpec(url="https://example.com"))
PARK = RESEND.model_copy(update={"in_doubt": "park"})


def reply(status: int, body: bytes = b"{}", **headers: str) -> Reply:
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status, named, body, "https://example.com/c", NOW, None, 0.1)


def item(*, tries: int = 1, was_in_doubt: bool = False) -> Item:
    return Item("c1", b"{}", None, "key", 1, tries, was_in_doubt)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "delivered"),
        (201, "delivered"),
        (204, "delivered"),
        (301, "refused"),
        (400, "refused"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "refused"),
        (408, "retry"),
        (409, "retry"),
        (422, "refused"),
        (425, "retry"),
        (429, "slow_down"),
        (500, "retry"),
        (502, "in_doubt"),
        (503, "retry"),
        (504, "in_doubt"),
        (511, "retry"),
    ],
)
def test_a_status_is_judged_as_the_design_says(status: int, kind: Kind) -> None:
    outcome = judge_reply(reply(status), None, NOW)
    assert outcome.kind == kind
    assert outcome.is_receiver_failing == (status >= 500)


@pytest.mark.parametrize(
    ("success", "status", "body", "kind"),
    [
        ({"body": {"ok": True}}, 200, b'{"ok": true}', "delivered"),
        ({"body": {"ok": True}}, 200, b'{"ok": false}', "refused"),
        ({"body": {"ok": True}}, 200, b"<html>", "refused"),
        ({"body": {"ok": True}}, 500, b'{"ok": true}', "retry"),
        ({"body": {"ok": True}, "otherwise": "retry"}, 200, b'{"ok": false}', "retry"),
        ({"status": [200, 409]}, 409, b"{}", "delivered"),
        ({"status": 201}, 200, b"{}", "refused"),
        ({}, 202, b"", "delivered"),
    ],
)
def test_a_success_rule_decides(success: dict[str, object], status: int, body: bytes, kind: Kind) -> None:
    assert judge_reply(reply(status, body), SuccessSpec.model_validate(success), NOW).kind == kind


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": '"default";r=5;t=30'}, None),
        ({"RateLimit_Remaining": "0", "RateLimit_Reset": "12"}, 12),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(int(NOW.timestamp()) + 9)}, 9),
        ({"X_RateLimit_Remaining": "1", "X_RateLimit_Reset": "12"}, None),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "soon"}, None),
        ({}, None),
    ],
)
def test_rate_limit_headers_tell_when_nothing_is_left(headers: dict[str, str], pause_s: float | None) -> None:
    assert limit_pause_s(reply(200, b"{}", **headers).headers, NOW) == pause_s


def test_retry_after_is_the_pause_of_a_429() -> None:
    assert judge_reply(reply(429, Retry_After="7"), None, NOW).pause_s == 7


@pytest.mark.parametrize(("has_begun", "kind"), [(True, "in_doubt"), (False, "unreachable")])
def test_a_time_out_is_in_doubt_once_the_request_has_begun(*, has_begun: bool, kind: Kind) -> None:
    outcome = judge_exception(TimeoutError(), has_begun=has_begun)
    assert (outcome.kind, outcome.is_undoubted) == (kind, not has_begun)


REFUSED = Outcome("refused", 422, "status 422")
RETRY = Outcome("retry", 500, "status 500", is_receiver_failing=True)
DOUBT = Outcome("in_doubt", None, "timed out", is_receiver_failing=True)


@pytest.mark.parametrize(
    ("outcome", "one", "spec", "is_open", "verdict"),
    [
        (Outcome("delivered", 201), item(), RESEND, False, Verdict("delivered")),
        (REFUSED, item(), RESEND, False, Verdict("dead")),
        (RETRY, item(tries=3), RESEND, False, Verdict("planned", 20)),
        (RETRY, item(tries=4), RESEND, False, Verdict("dead")),
        (RETRY, item(tries=4), RESEND, True, Verdict("planned", 40, is_untried=True)),
        (RETRY, item(was_in_doubt=True), RESEND, False, Verdict("in_doubt", 5)),
        (DOUBT, item(), RESEND, False, Verdict("in_doubt", 5)),
        (DOUBT, item(tries=4), RESEND, False, Verdict("in_doubt")),
        (DOUBT, item(), PARK, False, Verdict("in_doubt")),
        (Outcome("unauthorized", 401), item(), RESEND, False, Verdict("planned", is_untried=True)),
        (Outcome("unreachable"), item(), RESEND, False, Verdict("planned", 5, is_untried=True)),
        (Outcome("slow_down", 429), item(tries=9), RESEND, False, Verdict("planned", 0.0, is_untried=True)),
    ],
)
def test_the_policy_says_what_becomes_of_an_item(
    outcome: Outcome, one: Item, spec: ApiPushSpec, is_open: bool, verdict: Verdict
) -> None:
    assert verdict_on(outcome, one, spec, is_open=is_open, jitter_s=lambda ceiling_s: ceiling_s) == verdict


def test_what_is_in_doubt_is_taken_up_again_only_where_the_policy_is_to_resend() -> None:
    assert claimable(RESEND) == ("planned", "in_doubt")
    assert claimable(PARK) == ("planned",)
