"""How connections to one origin are made and kept: TLS, proxy, pool, and nothing that is sent twice.

What goes over them stands in `exchange`.
"""

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver

BEFORE_WRITE: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("before_write", default=None)
"""What is awaited when a request is about to be written, where connections ask for it."""


class LostConnectionError(aiohttp.ClientConnectionError):
    """The connection was lost after the request began; its cause says how."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How connections are made and kept; without a resolver, aiohttp's own."""

    most: int
    keepalive_s: float
    resolver: AbstractResolver | None
    asks_before_write: bool


def open_session(url: str, connections: Connections) -> aiohttp.ClientSession:
    """Open what talks to the origin of `url`; the caller closes it. Must be called in an event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections.most,
            # Reading the trusted certificates takes 20 ms, for nothing where there is no TLS.
            ssl=_trusted() if urlsplit(url).scheme == "https" else True,
            resolver=connections.resolver,
            keepalive_timeout=connections.keepalive_s,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the caller bounds the whole exchange
        middlewares=(_never_again,),
        trace_configs=[_asking_before_write()] if connections.asks_before_write else None,
        proxy=_proxy_for(url),
    )


def _trusted() -> ssl.SSLContext:
    """Who is trusted: as SSL_CERT_FILE or SSL_CERT_DIR says, else as browsers do."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    return ssl.create_default_context(cafile=certifi.where())


async def _never_again(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a PUT or DELETE by itself, as it does where a kept connection is lost."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise LostConnectionError(str(error)) from error


def _asking_before_write() -> aiohttp.TraceConfig:
    async def ask(_: aiohttp.ClientSession, __: SimpleNamespace, ___: object) -> None:
        if before_write := BEFORE_WRITE.get():
            await before_write()

    config = aiohttp.TraceConfig()
    # Told with the headers in hand, before the first byte of them is on its way.
    config.on_request_headers_sent.append(ask)
    return config


def _proxy_for(url: str) -> str | None:
    """Return the environment's proxy for `url` (HTTP_PROXY, NO_PROXY), never one for this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
