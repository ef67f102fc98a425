"""The whole retry policy, as tables."""

import ssl
import zlib
from datetime import UTC, datetime

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey

from sync_platform.api.failures import classify_exception, classify_status, retry_after_s
from sync_platform.api.sessions import LostConnectionError

KEY = ConnectionKey("example.com", 443, True, True, None, None, None)
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)

PERMANENT = [301, 304, 400, 402, 404, 405, 406, 409, 410, 413, 415, 422, 431, 451, 499]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, None) for status in (200, 201, 202, 204, 206, 299)),
        *((status, "unauthorized") for status in (401, 403)),
        (429, "rate_limited"),
        *((status, "retryable") for status in (408, 425, 500, 501, 502, 503, 504, 507, 520, 529, 599)),
        *((status, "permanent") for status in PERMANENT),
    ],
)
def test_every_status_has_one_kind(status: int, kind: str | None) -> None:
    failure = classify_status(status, {}, NOW)
    assert (failure.kind if failure else None) == kind
    assert failure is None or str(status) in failure.reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "86400"}, 86400),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\u0667"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Wed, 01 May 2024 12:00:30 GMT"}, 30),
        ({"Retry-After": "Wed, 01 May 2024 11:00:00 GMT"}, 0),
        ({"Retry-After": "Wed, 01 May 2024 12:00:30 GMT", "Date": "Wed, 01 May 2024 12:00:20 GMT"}, 10),
        ({"Retry-After": "Wed, 01 May 2024 12:00:30 GMT", "Date": "yesterday"}, 30),
        ({"Retry-After": "Wed, 99 May 2024 12:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers(headers, encoding="utf-8"), NOW) == seconds


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (TimeoutError(), "retryable", "in time"),
        (ConnectionResetError(), "retryable", "lost"),
        (ConnectionRefusedError(), "retryable", "refused"),
        (OSError(113, "No route to host"), "retryable", "lost"),
        (aiohttp.ClientOSError(104, "secret"), "retryable", "lost"),
        (zlib.error("secret"), "retryable", "compression"),
        (aiohttp.ServerDisconnectedError(), "retryable", "without a reply"),
        (aiohttp.ClientPayloadError("secret"), "retryable", "short"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("secret")), "retryable", "name"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("secret")),
            "permanent",
            "certificate",
        ),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("secret")), "permanent", "secure"),
        (aiohttp.InvalidURL("secret"), "permanent", "URL"),
        (aiohttp.NonHttpUrlClientError("secret"), "permanent", "http"),
    ],
)
def test_every_exception_has_one_kind_and_is_not_quoted(error: Exception, kind: str, reason: str) -> None:
    failure = classify_exception(error)
    assert failure.kind == kind
    assert reason in failure.reason
    assert "secret" not in failure.reason


def test_the_cause_below_a_lost_connection_tells_more() -> None:
    lost = LostConnectionError("secret")
    lost.__cause__ = aiohttp.ServerDisconnectedError()
    assert classify_exception(lost).reason == "the server closed the connection without a reply"
