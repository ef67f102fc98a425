"""A fake HTTP server on loopback whose every route is a scripted sequence of replies, faults included.

It runs in a thread of its own, on a random port, and writes down the requests it got. The real client talks
to it over real sockets; nothing of ours is patched.

    with ScriptedServer() as server:
        server.script("/users", status(503), json_reply({"data": [], "total": 0}))
        ...
        assert len(server.requests) == 2
"""

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from aiohttp import web

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as the server saw it; header names are lower case."""

    method: str
    path: str
    raw_path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at_s: float

    def param(self, name: str) -> str | None:
        return dict(self.query).get(name)


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """What the server does with one request.

    `hang` says where the server stops talking for good: before the headers, or after them and this body.
    `raw` replaces the whole reply by these bytes on the socket, and `reset` ends with RST instead of FIN.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay_before_headers_s: float = 0
    delay_after_headers_s: float = 0
    hang: str | None = None
    raw: bytes | None = None
    reset: bool = False


Reply = ScriptedReply | Callable[[RecordedRequest], ScriptedReply]


def json_reply(value: object, status: int = 200, headers: Headers = ()) -> ScriptedReply:
    pairs = (("Content-Type", "application/json"), *_pairs(headers))
    return ScriptedReply(status, pairs, json.dumps(value).encode())


def body_reply(body: bytes, status: int = 200, headers: Headers = ()) -> ScriptedReply:
    return ScriptedReply(status, _pairs(headers), body)


def html_reply(status: int = 200) -> ScriptedReply:
    return ScriptedReply(status, (("Content-Type", "text/html"),), b"<html><h1>Please log in</h1></html>")


def status(code: int, headers: Headers = ()) -> ScriptedReply:
    return ScriptedReply(code, _pairs(headers))


def redirect(location: str, code: int = 302) -> ScriptedReply:
    return status(code, {"Location": location})


def slow(reply: ScriptedReply, *, before_headers_s: float = 0, after_headers_s: float = 0) -> ScriptedReply:
    return replace(reply, delay_before_headers_s=before_headers_s, delay_after_headers_s=after_headers_s)


def hang_before_headers() -> ScriptedReply:
    return ScriptedReply(hang="before headers")


def hang_after_headers() -> ScriptedReply:
    return ScriptedReply(
        hang="after headers", headers=(("Content-Type", "application/json"),), body=b'{"data": ['
    )


def reset() -> ScriptedReply:
    """The connection is reset instead of a reply."""
    return ScriptedReply(raw=b"", reset=True)


def disconnect() -> ScriptedReply:
    """The connection is closed in an orderly way instead of a reply."""
    return ScriptedReply(raw=b"")


def short_body(value: object, missing_bytes: int = 10) -> ScriptedReply:
    """The connection is closed before Content-Length bytes have come."""
    body = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    return ScriptedReply(raw=head + body[:-missing_bytes])


def reset_in_body(value: object) -> ScriptedReply:
    return replace(short_body(value), reset=True)


def garbled_chunks() -> ScriptedReply:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return ScriptedReply(raw=head + b'5\r\n{"a":\r\nnot-a-length\r\n1}\r\n')


def not_http() -> ScriptedReply:
    return ScriptedReply(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


def gzip_reply(body: bytes) -> ScriptedReply:
    return ScriptedReply(
        200, (("Content-Type", "application/json"), ("Content-Encoding", "gzip")), _gzip([body])
    )


def gzip_bomb(decoded_mb: int) -> ScriptedReply:
    """A few kilobytes that become `decoded_mb` MiB of spaces."""
    packed = _gzip(b" " * 2**20 for _ in range(decoded_mb))
    return ScriptedReply(200, (("Content-Type", "application/json"), ("Content-Encoding", "gzip")), packed)


def _gzip(parts: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(part) for part in parts), packer.flush()])


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@dataclass(slots=True)
class _Script:
    replies: tuple[Reply, ...]
    served: int = 0

    def next(self) -> Reply:
        reply = self.replies[min(self.served, len(self.replies) - 1)]
        self.served += 1
        return reply


@dataclass(slots=True)
class ScriptedServer:
    """The server; `with` starts and stops it. `url` and `port` are known then; `tls` makes it https."""

    tls: ssl.SSLContext | None = None
    requests: list[RecordedRequest] = field(default_factory=list)
    max_in_flight: int = 0
    url: str = ""
    port: int = 0
    _scripts: dict[str, _Script] = field(default_factory=dict)
    _in_flight: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _runner: web.AppRunner | None = None

    def script(self, path: str, *replies: Reply) -> None:
        """Set what `path` answers, in order; the last reply is repeated. A function computes its reply."""
        self._scripts[path] = _Script(replies)

    def requests_to(self, path: str) -> list[RecordedRequest]:
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-server", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._thread is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> int:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            recorded = await _record(request)
            self.requests.append(recorded)
            script = self._scripts.get(request.path)
            if script is None:
                return web.json_response({"error": "no such route"}, status=404)
            reply = script.next()
            return await _play(request, reply(recorded) if callable(reply) else reply)
        finally:
            self._in_flight -= 1


async def _record(request: web.Request) -> RecordedRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = tuple(request.query.items())
    return RecordedRequest(
        method=request.method,
        path=request.path,
        raw_path=request.raw_path,
        query=query,
        headers=headers,
        body=await request.read(),
        at_s=time.monotonic(),
    )


async def _play(request: web.Request, reply: ScriptedReply) -> web.StreamResponse:
    if reply.raw is not None:
        return _play_raw(request, reply.raw, is_reset=reply.reset)
    if reply.hang == "before headers":
        await asyncio.Event().wait()
    await asyncio.sleep(reply.delay_before_headers_s)
    response = web.StreamResponse(status=reply.status, headers=list(reply.headers))
    if reply.hang is None:
        response.content_length = len(reply.body)
    await response.prepare(request)
    await asyncio.sleep(reply.delay_after_headers_s)
    await response.write(reply.body)
    if reply.hang is not None:
        await asyncio.Event().wait()
    await response.write_eof()
    return response


def _play_raw(request: web.Request, raw: bytes, *, is_reset: bool) -> web.Response:
    transport = request.transport
    assert transport is not None
    transport.write(raw)
    if is_reset:
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    return web.Response()
