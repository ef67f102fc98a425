"""One HTTP exchange: a request goes out, a whole reply comes back, within a time and a size.

Here belong transport, redirects, the cap on bodies and the clock on the exchange. Retries, rate limits and
what a status means stand in the client above it.
"""

import asyncio
import ipaddress
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from sync_platform.api.clock import Clock
from sync_platform.api.failures import BodyTooLargeError, ForeignOriginError, RedirectError, reply_date
from sync_platform.api.request import Pairs
from sync_platform.api.urls import origin, same_origin, shown_origin, with_params
from sync_platform.vocabulary import PermanentError

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BYTES_PER_MB = 2**20
# Only what the decoder below can undo is offered, whatever else happens to be installed.
_DEFAULT_HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
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


@dataclass(frozen=True, slots=True)
class _Connections:
    """How connections are made and kept; without a resolver, aiohttp's own."""

    most: int
    keepalive_s: float
    resolver: AbstractResolver | None


class Exchange:
    """Does single exchanges, reusing connections for `keepalive_s`; call `aclose` at the end."""

    def __init__(
        self,
        *,
        timeout_s: float,
        max_body_mb: float,
        max_connections: int,
        clock: Clock,
        resolver: AbstractResolver | None = None,
        keepalive_s: float = 15,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_body_mb = max_body_mb
        self._connections = _Connections(max_connections, keepalive_s, resolver)
        self._clock = clock
        self._transports: dict[tuple[str, str, int | None], AiohttpTransport] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

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
                reply = await self._hop(request, credentials)
                location = reply.headers.get("Location")
                if reply.status not in _REDIRECTS or not location:
                    return replace(reply, elapsed_s=self._clock.monotonic_s() - started_s)
                request = _redirected(request, reply.status, location)
                if (request.method, request.url) in seen:
                    raise RedirectError(
                        f"{request.description}: its redirects go in a circle; check base_url and path"
                    )
                seen.add((request.method, request.url))
        raise RedirectError(
            f"{request.description}: redirected more than {MAX_REDIRECTS} times; check base_url and path"
        )

    async def once(self, request: WireRequest, credentials: Credentials) -> Reply:
        """Return the reply as it comes; a redirect is a reply like any other, and nothing follows it.

        Raises:
            TransportErrors, BodyTooLargeError: see `exchange`.
        """
        started_s = self._clock.monotonic_s()
        async with asyncio.timeout(self._timeout_s):
            reply = await self._hop(request, credentials)
        return replace(reply, elapsed_s=self._clock.monotonic_s() - started_s)

    async def _hop(self, request: WireRequest, credentials: Credentials) -> Reply:
        pairs = (*_DEFAULT_HEADERS, *request.headers, *credentials.headers)
        outgoing = httpx.Request(
            request.method,
            with_params(request.url, credentials.params, replacing=True),
            headers=httpx.Headers({name.lower(): value for name, value in pairs}, encoding="utf-8"),
            content=request.content,
        )
        response = await self._transport(request.url).handle_async_request(outgoing)
        try:
            body = await self._read(response, request.description)
        finally:
            await response.aclose()
        return Reply(
            status=response.status_code,
            headers=response.headers,
            body=body,
            url=request.url,
            received_at=self._clock.now(),
            source_clock_at=reply_date(response.headers),
            elapsed_s=0,
        )

    async def _read(self, response: httpx.Response, description: str) -> bytes:
        """Read the body, decoding as it comes, and stop where it passes the cap."""
        if "," in response.headers.get("Content-Encoding", ""):
            # Each layer multiplies by a thousand before the cap can see it.
            raise PermanentError(f"{description}: the reply is compressed more than once, which is not read")
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._max_body_mb * _BYTES_PER_MB:
                raise BodyTooLargeError(
                    f"{description}: the reply is larger than {self._max_body_mb:g} MiB decoded; "
                    "lower page_size, or raise max_body_mb"
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _transport(self, url: str) -> AiohttpTransport:
        key = origin(url)
        if key not in self._transports:
            self._transports[key] = _open_transport(url, self._connections)
        return self._transports[key]


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


def _open_transport(url: str, connections: _Connections) -> AiohttpTransport:
    proxy = _proxy_for(url)
    transport = AiohttpTransport(
        # Reading the trusted certificates takes 20 ms, for nothing where there is no TLS.
        verify=urlsplit(url).scheme == "https",
        proxy=httpx.Proxy(proxy) if proxy else None,
    )
    # Our own session, because the transport's would keep cookies.
    transport.client = lambda: aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections.most,
            ssl=transport.ssl_context,
            resolver=connections.resolver,
            keepalive_timeout=connections.keepalive_s,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    return transport


def _proxy_for(url: str) -> str | None:
    """Return the environment's proxy for `url` (HTTP_PROXY, NO_PROXY), never one for this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
