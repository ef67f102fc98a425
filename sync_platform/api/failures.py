"""The one place that classifies: a status, a set of headers or an exception becomes a typed failure.

Here belong the retry policy's judgements and the errors that the client raises. They are *returned*, so that
the caller raises `from` what happened. How long and how often is retried is decided in `client`.

| Answer | Kind |
|---|---|
| 2xx | no failure |
| 401, 403 | unauthorized |
| 429 | rate_limited: a wait that is no failed try |
| 408, 425, 5xx | retryable; with Retry-After everybody waits |
| any other status | permanent |
| time-out, refused, reset, short or garbled reply, unknown host | retryable |
| wrong certificate, an address that is none | permanent |
"""

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import aiohttp

from sync_platform.vocabulary import PermanentError, RetryableError

FailureKind = Literal["retryable", "rate_limited", "unauthorized", "permanent"]

_RETRYABLE_CLIENT_STATUSES = frozenset({408, 425})
_SERVER_ERRORS_FROM = 500


class UnauthorizedError(PermanentError):
    """The API refused who we are (401) or what we may (403); somebody must change a setting."""


class NotJsonError(PermanentError):
    """The API kept answering with a web page instead of JSON: a login page, a proxy, a wrong address."""


class BodyTooLargeError(PermanentError):
    """A reply grew past max_body_mb while it was decoded, and reading stopped. It would come again."""


class ForeignOriginError(PermanentError):
    """A redirect or next link leads to another host, scheme or port; nothing was sent there."""


class RedirectError(PermanentError):
    """Redirects on the same origin went in a circle, or on for too long."""


class WaitedTooLongError(RetryableError):
    """The rate limit cost this sync more than max_waiting_s of waiting; a later sync may have more luck."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed and what that means.

    Attributes:
        kind: what the policy makes of it.
        reason: what happened, in words that quote nothing that was received.
        retry_after_s: seconds the server asked us to wait, or None when it did not say.
    """

    kind: FailureKind
    reason: str
    retry_after_s: float | None = None


def classify_status(status: int, headers: Mapping[str, str], now: datetime) -> Failure | None:
    """Return what a status means, or None for success.

    Args:
        status: of the reply.
        headers: of the reply, looked up in any case.
        now: our clock, used where the reply has no Date of its own.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return None
    reason = f"status {status} {_phrase(status)}".rstrip()
    if status in (401, 403):
        return Failure("unauthorized", reason)
    wait_s = retry_after_s(headers, now)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Failure("rate_limited", reason, wait_s)
    if status >= _SERVER_ERRORS_FROM or status in _RETRYABLE_CLIENT_STATUSES:
        return Failure("retryable", reason, wait_s)
    return Failure("permanent", reason)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


_PERMANENT_EXCEPTIONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        aiohttp.ClientConnectorCertificateError,
        "the server's certificate is not trusted (SSL_CERT_FILE can name another authority)",
    ),
    (aiohttp.ClientSSLError, "no secure connection could be agreed on"),
    (aiohttp.NonHttpUrlClientError, "the address is neither http nor https"),
    (aiohttp.InvalidURL, "the address is not a URL"),
)
_RETRYABLE_EXCEPTIONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the host's name could not be resolved"),
    (ConnectionRefusedError, "the connection was refused"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ClientPayloadError, "the reply was cut short or garbled"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without a reply"),
    (aiohttp.ClientResponseError, "the reply is not HTTP"),
    (zlib.error, "the reply's compression is broken"),
    (TimeoutError, "no complete reply in time"),
    (ConnectionError, "the connection was lost"),
    (aiohttp.ClientError, "the connection was lost"),
    (OSError, "the connection was lost"),
)

TransportErrors = (aiohttp.ClientError, OSError, zlib.error)
"""What an exchange can raise (TimeoutError is an OSError); all else is a bug of ours, with a traceback."""


def classify_exception(error: BaseException) -> Failure:
    """Return what an exception of the transport means.

    The causes are looked at too, the most telling one first: a connection that was lost says why only there.
    """
    chain = _causes(error)
    for kind, reason in _PERMANENT_EXCEPTIONS:
        if any(isinstance(link, kind) for link in chain):
            return Failure("permanent", reason)
    for kind, reason in _RETRYABLE_EXCEPTIONS:
        if any(isinstance(link, kind) for link in chain):
            return Failure("retryable", reason)
    return Failure("permanent", f"an unexpected {type(error).__name__}")


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        if isinstance(link, aiohttp.ClientConnectorError):
            chain.append(link.os_error)
        link = link.__cause__
    return chain


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that Retry-After (RFC 9110, 10.2.3) asks for, or None where it is absent or garbage.

    A date counts from the reply's own Date, because the two clocks need not agree, else from `now`. What
    lies in the past is 0. It is returned however large: the caller knows what it is ready to wait.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    until = http_date(value)
    return None if until is None else max(0.0, (until - (reply_date(headers) or now)).total_seconds())


def reply_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the reply's Date header, aware and UTC, or None where it is absent or garbage."""
    return http_date(headers.get("Date", ""))


@lru_cache(maxsize=16)  # the replies of one second say the same
def http_date(value: str) -> datetime | None:
    """Return an HTTP date (RFC 9110, 5.6.7) as aware UTC, or None where it is none."""
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
