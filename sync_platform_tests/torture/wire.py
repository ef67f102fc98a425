"""A wire to Postgres that counts what goes through it and can be cut at any message.

It relays bytes between clients and the real server and looks at none of them, so every statement edge of a
client is a place where a test can act: before the server has the message, or when its answer is on the way.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sync_platform.warehouse.address import DatabaseAddress

_CHUNK_BYTES = 65_536


class WireCutError(Exception):
    """Raised by a hook to cut the connection that is being relayed."""


@dataclass(slots=True)
class Wire:
    """The relay; `with` starts and stops it.

    Attributes:
        server: where it leads to.
        messages: what clients have sent so far; a long COPY counts once for each 64 KiB.
        before: called with a message's number before the server gets it.
        after: called with the number of the last message when its answer comes, before the client gets it.
    """

    server: DatabaseAddress
    messages: int = 0
    before: Callable[[int], None] = lambda _: None
    after: Callable[[int], None] = lambda _: None
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _listener: asyncio.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def address(self) -> DatabaseAddress:
        """The server's address through this wire."""
        keywords = dict(self.server.keywords) | {"host": "127.0.0.1", "port": str(self.port)}
        return DatabaseAddress(tuple(sorted(keywords.items())))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def settle(self) -> None:
        """Wait until the last words of clients that have closed are dealt with."""
        asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result(20)

    async def _settled(self) -> None:
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._listener is not None
        self._listener.close()
        relays = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, port = self.server.host, self.server.port
        if host.startswith("/"):
            replies, server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            replies, server = await asyncio.open_connection(host, int(port))
        ways = [
            asyncio.ensure_future(self._send(client, server)),
            asyncio.ensure_future(self._answer(replies, answers)),
        ]
        # A cancelled relay ends quietly; the stream's own callback would log it as an error.
        with suppress(asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        server.close()
        answers.close()

    async def _send(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while message := await client.read(_CHUNK_BYTES):
            self.messages += 1
            self.before(self.messages)
            server.write(message)
            await server.drain()

    async def _answer(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while reply := await replies.read(_CHUNK_BYTES):
            self.after(self.messages)
            client.write(reply)
            await client.drain()
