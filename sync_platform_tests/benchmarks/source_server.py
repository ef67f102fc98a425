"""The source of every benchmark: the sandbox's `GET /users`, rendered beforehand, at next to no cost.

Here belongs serving made-up people so cheaply that the client is measured and not this server, which shares
its cores. It speaks just the HTTP that a list needs. The people are the sandbox's own, so its words hold:
pages ordered by id, `{"data": [...], "total": N}`, `updated_since` inclusive.

The path says which world is asked: `/before/20/users` are the people before anything moved, each answer
20 ms late; `/after/0/users` those after `--changes` of them were changed. Run as a program; its first line of
output is its port.
"""

import argparse
import asyncio
import sys
from array import array
from collections.abc import Callable
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from sync_platform.sandbox.users import Moment, Population

HOST = "127.0.0.1"
SEED = 1
MOST_PAGE_ROWS = 1000
_JSON = "Content-Type: application/json"
_END = b"\r\n\r\n"


class World:
    """The people at one moment, rendered once.

    Args:
        population: who they are.
        moment: when.
    """

    def __init__(self, population: Population, moment: Moment) -> None:
        self._population, self._moment = population, moment
        self._ends, self._rendered = array("Q", [0]), bytearray()
        for number in range(1, population.count + 1):
            self._rendered += population.record(number, moment) + b","
            self._ends.append(len(self._rendered))

    def page(self, number: int, limit: int, since: str | None) -> bytes:
        """Render a page; one without a filter is a slice of what is rendered already."""
        if since is not None:
            ids = self._population.changed_since(datetime.fromisoformat(since), self._moment)
            chosen = [self._slice(one - 1, one) for one in ids[(number - 1) * limit : number * limit]]
            return _body(b"".join(chosen), len(ids))
        total = self._population.count
        return _body(
            self._slice(*(min(rows, total) for rows in ((number - 1) * limit, number * limit))), total
        )

    def _slice(self, first: int, behind: int) -> bytearray:
        return self._rendered[self._ends[first] : self._ends[behind]]


class Connection(asyncio.Protocol):
    """One client's connection: a request comes whole or in parts, and one after the other.

    Args:
        answer: a path's whole reply, and how late it is.
    """

    def __init__(self, answer: Callable[[str], tuple[bytes, float]]) -> None:
        self._answer = answer
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while _END in self._received:
            head, _, self._received = self._received.partition(_END)
            reply, latency_s = self._answer(head.split(b" ", 2)[1].decode())
            if latency_s:
                asyncio.get_running_loop().call_later(latency_s, self._send, reply)
            else:
                self._send(reply)

    def _send(self, reply: bytes) -> None:
        assert self._transport is not None
        self._transport.write(reply)


def answerer(worlds: dict[str, World]) -> Callable[[str], tuple[bytes, float]]:
    """Make what answers a path such as `/before/20/users?page=2&limit=100`, or any other with a 404."""

    def answer(target: str) -> tuple[bytes, float]:
        url = urlsplit(target)
        try:
            _, world, latency_ms, _ = url.path.split("/")
            asked = {name: texts[0] for name, texts in parse_qs(url.query).items()}
            limit = min(int(asked.get("limit", "100")), MOST_PAGE_ROWS)
            body = worlds[world].page(int(asked.get("page", "1")), limit, asked.get("updated_since"))
        except (KeyError, ValueError) as error:
            return _reply("404 Not Found", repr(error).encode()), 0.0
        return _reply("200 OK", body), float(latency_ms) / 1000

    return answer


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--changes", type=int, required=True, help="how many in `after`; 0: there is none")
    options = parser.parse_args()
    population = Population(options.users, SEED)
    worlds = {"before": World(population, Moment(0, 0))}
    if options.changes:
        worlds["after"] = World(population, Moment(options.changes, 0))
    asyncio.run(_serve(worlds))


async def _serve(worlds: dict[str, World]) -> None:
    answer = answerer(worlds)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answer), HOST, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _body(records: bytes | bytearray, total: int) -> bytes:
    return b'{"data":[' + records[:-1] + b'],"total":%d}' % total


def _reply(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nDate: {_date()}\r\nContent-Length: {len(body)}\r\n{_JSON}\r\n\r\n"
    return head.encode() + body


def _date() -> str:
    return _http_date(int(asyncio.get_running_loop().time()))


@lru_cache(maxsize=1)
def _http_date(_second: int) -> str:
    return formatdate(usegmt=True)


if __name__ == "__main__":
    main()
