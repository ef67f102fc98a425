"""The receiver of the push benchmark: takes every request and counts it, as cheaply as Python can.

A whole HTTP server would be what is measured. Run as a program it serves one loopback port in a process of
its own, prints the URL, and answers a GET with `{"requests": …, "customers": …}`.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen

_TAKEN = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'
)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"idempotency-key: *(\S+)", re.IGNORECASE)


class _Receiver(asyncio.Protocol):
    """One connection; requests of it come one after the other."""

    requests = 0
    keys: set[bytes] = set()  # noqa: RUF012 - shared by all connections on purpose

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"GET"):
            told = json.dumps({"requests": _Receiver.requests, "keys": len(_Receiver.keys)}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
            return
        _Receiver.requests += 1
        if found := _KEY.search(head):
            _Receiver.keys.add(found[1][:16])
        self._transport.write(_TAKEN)


@contextmanager
def receiver() -> Iterator[str]:
    """Run the receiver in a process of its own; lends its URL."""
    with Popen((sys.executable, "-m", __name__), stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
