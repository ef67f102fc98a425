"""Judges one request: what became of it, and what that means for the item and for the push.

Pure: a reply or an exception in, an outcome out. Reasons quote nothing that was received.

| Answer | Outcome |
|---|---|
| what `success` says, else 2xx | delivered |
| 2xx that `success` does not fit | refused (or retry, where `otherwise` says so) |
| 401, 403 | unauthorized: the push stops |
| 401 whose token could be renewed | renewed: no failed try |
| 429 | slow_down: no failed try |
| 502, 504, time-out, connection lost after the request began | in_doubt |
| 408, 409, 425, other 5xx | retry |
| other 4xx, redirects | refused |
| nothing was written | unreachable: no failed try |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urljoin

from sync_platform.api.actions import matching_action
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import classify_exception, classify_status, reply_date
from sync_platform.api.spec import ResponseAction
from sync_platform.api.urls import shown_origin
from sync_platform.push.spec import SuccessSpec

Kind = Literal[
    "delivered", "refused", "retry", "slow_down", "renewed", "unauthorized", "unreachable", "in_doubt"
]

_IN_DOUBT_STATUSES = frozenset({502, 504})
_RETRIED_CLIENT_STATUSES = frozenset({408, 409, 425})
_CLEAN_CLIENT_STATUSES = frozenset({425, 429})
_SERVER_ERRORS_FROM = 500
_REDIRECTS = range(300, 400)
_SUCCESSES = range(200, 300)
_UNAVAILABLE = 503
_PAST_S = 1_000_000_000
"""A reset above this is a moment in epoch seconds, below it a number of seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes:
        kind: see the table above.
        status_code: of the reply, or None where no whole reply came.
        reason: why it was not delivered; None after a delivery.
        pause_s: seconds for which the receiver wants no request at all, or None when it did not say.
        is_receiver_failing: the receiver itself seems to be down; counts for the breaker.
        is_undoubted: the receiver surely did not take the item.
    """

    kind: Kind
    status_code: int | None = None
    reason: str | None = None
    pause_s: float | None = None
    is_receiver_failing: bool = False
    is_undoubted: bool = False


def judge_reply(reply: Reply, success: SuccessSpec | None, now: datetime) -> Outcome:
    """Return what a reply means.

    Args:
        reply: a whole reply.
        success: the YAML's rule, or None for any 2xx.
        now: our clock, used where the reply has no Date.
    """
    if _is_success(reply, success):
        return Outcome("delivered", reply.status, pause_s=limit_pause_s(reply.headers, now))
    if reply.status in _SUCCESSES:
        reason = f"status {reply.status}, but not what `success` asks for"
        kind: Kind = "retry" if success is not None and success.otherwise == "retry" else "refused"
        return Outcome(kind, reply.status, reason)
    failure = classify_status(reply.status, reply.headers, now)
    reason = failure.reason if failure else f"status {reply.status}"
    if reply.status in _REDIRECTS:
        target = shown_origin(urljoin(reply.url, reply.headers.get("Location", "")))
        return Outcome(
            "refused",
            reply.status,
            f"{reason}: redirected to {target}, nothing was sent there",
            is_undoubted=True,
        )
    return Outcome(
        _kind_of(reply.status),
        reply.status,
        reason,
        pause_s=_pause_s(reply, failure.retry_after_s if failure else None, now),
        is_receiver_failing=reply.status >= _SERVER_ERRORS_FROM,
        is_undoubted=reply.status < _SERVER_ERRORS_FROM
        and (reply.status not in _RETRIED_CLIENT_STATUSES or reply.status in _CLEAN_CLIENT_STATUSES),
    )


def judge_exception(error: BaseException, *, has_begun: bool) -> Outcome:
    """Return what a request without a whole reply means: only one that was never written is clean.

    Args:
        error: what the transport raised.
        has_begun: something of the request may have been written.
    """
    reason = classify_exception(error).reason
    if not has_begun:
        return Outcome("unreachable", reason=reason, is_receiver_failing=True, is_undoubted=True)
    return Outcome("in_doubt", reason=reason, is_receiver_failing=True)


def limit_pause_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait where the receiver's RateLimit headers say that nothing is left, else None.

    Read are `RateLimit: "name";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers), and the older pairs
    `RateLimit-Remaining` and `RateLimit-Reset`, with or without `X-`.
    """
    if field := headers.get("RateLimit"):
        found = {
            name: int(value) for name, value in re.findall(r"[;,\s]\s*([rt])\s*=\s*(\d+)", field, re.ASCII)
        }
        return float(found["t"]) if found.get("r") == 0 and "t" in found else None
    for prefix in ("RateLimit", "X-RateLimit"):
        remaining, reset = headers.get(f"{prefix}-Remaining", ""), headers.get(f"{prefix}-Reset", "")
        if re.fullmatch(r"0+", remaining.strip()) and re.fullmatch(r"\d{1,12}", reset.strip(), re.ASCII):
            return _seconds_until(int(reset), reply_date(headers) or now)
    return None


def _is_success(reply: Reply, success: SuccessSpec | None) -> bool:
    if success is None:
        return reply.status in _SUCCESSES
    if success.status is None and reply.status not in _SUCCESSES:
        return False
    if success.status is None and not success.body:
        return True
    rule = ResponseAction(status=success.status, body=success.body, action="end_of_pages")
    return matching_action([rule], reply.status, reply.headers, reply.body) is not None


def _kind_of(status: int) -> Kind:
    if status in (401, 403):
        return "unauthorized"
    if status == 429:  # noqa: PLR2004 - RFC 6585, 4
        return "slow_down"
    if status in _IN_DOUBT_STATUSES:
        return "in_doubt"
    return "retry" if status in _RETRIED_CLIENT_STATUSES or status >= _SERVER_ERRORS_FROM else "refused"


def _pause_s(reply: Reply, retry_after_s: float | None, now: datetime) -> float | None:
    if reply.status not in (429, _UNAVAILABLE) and retry_after_s is None:
        return limit_pause_s(reply.headers, now)
    return limit_pause_s(reply.headers, now) if retry_after_s is None else retry_after_s


def _seconds_until(reset: int, now: datetime) -> float:
    return float(reset) if reset < _PAST_S else max(0.0, reset - now.timestamp())


def is_hopeless(error: BaseException) -> bool:
    """Whether every request would fail like this: an untrusted certificate, an address that is none."""
    return classify_exception(error).kind == "permanent"
