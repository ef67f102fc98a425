"""One HTTP exchange: a request goes out, a whole reply comes back, within a time and a size.

Here belong transport, redirects, the cap on bodies and the clock on the exchange. Retries, rate limits and
what a status means stand in the client above it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict, CIMultiDictProxy

from sync_platform.api.body import OFFERED_ENCODINGS, read_body
from sync_platform.api.clock import Clock
from sync_platform.api.failures import ForeignOriginError, RedirectError, reply_date
from sync_platform.api.request import Pairs
from sync_platform.api.sessions import BEFORE_WRITE, Connections, open_session
from sync_platform.api.urls import origin, same_origin, shown_origin, with_params

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Only what `body` can undo is offered, whatever else happens to be installed.
_DEFAULT_HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", OFFERED_ENCODINGS),
    ("User-Agent", "sync-platform"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        status: of the last hop, after redirects.
        headers: looked up in any case; a repeated header is joined by commas.
        body: decoded from its content encoding.
        url: where it came from, without the parameters of authentication.
        received_at: our clock, UTC, when the body was complete.
        source_clock_at: the server's Date header, or None.
        elapsed_s: seconds that this try took.
        tries: tries that it took, waits for a rate limit not counted.
        ends_pages: there are no more pages, because a response action or 204 No Content says so; the body
            may hold no records then.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    received_at: datetime
    source_clock_at: datetime | None
    elapsed_s: float
    tries: int = 1
    ends_pages: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, 15.3


@dataclass(frozen=True, slots=True)
class Credentials:
    """What authentication adds to a request: headers, query parameters."""

    headers: Pairs = ()
    params: Pairs = ()


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request with everything resolved but authentication.

    Attributes:
        description: how messages name it; without values and secrets.
    """

    method: str
    url: str
    headers: Pairs
    content: bytes | None
    description: str


class Exchange:
    """Does single exchanges, reusing connections for `keepalive_s`; call `aclose` at the end.

    Nothing is sent twice: a request whose connection is lost fails, whatever its method. With
    `asks_before_write` the caller has the last word when a request is about to be written.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        max_body_mb: float,
        max_connections: int,
        clock: Clock,
        resolver: AbstractResolver | None = None,
        keepalive_s: float = 15,
        asks_before_write: bool = False,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_body_mb = max_body_mb
        self._connections = Connections(max_connections, keepalive_s, resolver, asks_before_write)
        self._clock = clock
        self._headers = lru_cache(maxsize=64)(_headers)  # its own: credentials end with it
        self._sessions: dict[tuple[str, str, int | None], aiohttp.ClientSession] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def exchange(self, request: WireRequest, credentials: Credentials) -> Reply:
        """Return the reply, having followed redirects on the same origin.

        Raises:
            TransportErrors: see `failures`; a time-out covers the whole exchange, the body included.
            BodyTooLargeError: the decoded body passes the cap; what came until then was dropped.
            ForeignOriginError: a redirect leads elsewhere; nothing was sent there.
            RedirectError: redirects go in a circle or on for too long.
        """
        started_s = self._clock.monotonic_s()
        seen = {(request.method, request.url)}
        async with asyncio.timeout(self._timeout_s):
            for _ in range(MAX_REDIRECTS + 1):
                reply = await self._hop(request, credentials, started_s)
                location = reply.headers.get("Location")
                if reply.status not in _REDIRECTS or not location:
                    return reply
                request = _redirected(request, reply.status, location)
                if (request.method, request.url) in seen:
                    raise RedirectError(
                        f"{request.description}: its redirects go in a circle; check base_url and path"
                    )
                seen.add((request.method, request.url))
        raise RedirectError(
            f"{request.description}: redirected more than {MAX_REDIRECTS} times; check base_url and path"
        )

    async def once(
        self,
        request: WireRequest,
        credentials: Credentials,
        *,
        before_write: Callable[[], Awaitable[None]] | None = None,
    ) -> Reply:
        """Return the reply as it comes; a redirect is a reply like any other, and nothing follows it.

        Args:
            request: what to send.
            credentials: what authentication adds.
            before_write: awaited when a connection is there and the request goes to the socket next; what
                it raises, this raises, and nothing is sent. With `asks_before_write` only.

        Raises:
            TransportErrors, BodyTooLargeError: see `exchange`.
        """
        BEFORE_WRITE.set(before_write)
        started_s = self._clock.monotonic_s()
        async with asyncio.timeout(self._timeout_s):
            return await self._hop(request, credentials, started_s)

    async def _hop(self, request: WireRequest, credentials: Credentials, started_s: float) -> Reply:
        async with self._session(request.url).request(
            request.method,
            with_params(request.url, credentials.params, replacing=True),
            headers=self._headers(request.headers, credentials.headers),
            data=request.content,
            allow_redirects=False,
        ) as response:
            body = await read_body(response, max_body_mb=self._max_body_mb, description=request.description)
        headers = _looked_up(response.headers)
        return Reply(
            status=response.status,
            headers=headers,
            body=body,
            url=request.url,
            received_at=self._clock.now(),
            source_clock_at=reply_date(headers),
            elapsed_s=self._clock.monotonic_s() - started_s,
        )

    def _session(self, url: str) -> aiohttp.ClientSession:
        key = origin(url.partition("?")[0])
        if key not in self._sessions:
            self._sessions[key] = open_session(url, self._connections)
        return self._sessions[key]


def _headers(own: Pairs, credentials: Pairs) -> dict[str, str]:
    return {name.lower(): value for name, value in (*_DEFAULT_HEADERS, *own, *credentials)}


def _redirected(request: WireRequest, status: int, location: str) -> WireRequest:
    target = urljoin(request.url, location)
    if not same_origin(request.url, target):
        raise ForeignOriginError(
            f"{request.description}: redirected to {shown_origin(target)}, where nothing was sent; "
            "if that is the API's new address, set base_url to it"
        )
    if status in (307, 308) or request.method == "GET":
        return replace(request, url=target)
    return replace(request, url=target, method="GET", content=None)


def _looked_up(headers: "CIMultiDictProxy[str]") -> Mapping[str, str]:
    """The reply's headers; one that is repeated is joined by commas (RFC 9110, 5.3)."""
    names = {name.lower() for name in headers}
    if len(names) == len(headers):
        return headers
    return CIMultiDict((name, ", ".join(headers.getall(name))) for name in names)
