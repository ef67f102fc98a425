"""What the sandbox's receiving systems remember: bodies by key, and the answer that an Idempotency-Key got.

Here belongs the memory that all of them share. It is bounded: beyond its size the oldest is forgotten, so
that a sandbox that runs for weeks stays small.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from aiohttp import web

MAX_KEPT = 200_000
_MAX_PAGE = 1000

V = TypeVar("V")


class Kept(Generic[V]):
    """A mapping in the order of arrival that forgets its oldest entries beyond `MAX_KEPT`."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._size = size
        self._entries: OrderedDict[str, V] = OrderedDict()

    def put(self, key: str, value: V) -> None:
        """Keep a value as the newest."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def get(self, key: str) -> V | None:
        """Find a value; None where there is none, or where it is forgotten."""
        return self._entries.get(key)

    def remove(self, key: str) -> bool:
        """Forget a value; says whether there was one."""
        return self._entries.pop(key, None) is not None

    def items(self) -> Iterator[tuple[str, V]]:
        """All entries, oldest first."""
        return iter(list(self._entries.items()))

    def values(self) -> list[V]:
        """All values, oldest first."""
        return list(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


class Answers:
    """The first answer to each Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[bytes, dict[str, Any]]] = Kept()

    def earlier(self, request: web.Request, body: bytes) -> web.Response | None:
        """Answer a key that was seen: its first answer again, or 422 where the body is another one."""
        found = self._kept.get(_key(request))
        if found is None:
            return None
        digest, answer = found
        if digest != _digest(request, body):
            return web.json_response(
                {"error": "this Idempotency-Key was used with another request"}, status=422
            )
        return web.json_response(answer, status=201, headers={"Idempotent-Replayed": "true"})

    def first(self, request: web.Request, body: bytes, answer: dict[str, Any]) -> web.Response:
        """Answer 201 and remember it, where the request has a key."""
        if _key(request):
            self._kept.put(_key(request), (_digest(request, body), answer))
        return web.json_response(answer, status=201)


def page_of(request: web.Request, entries: list[Any]) -> web.Response:
    """Answer `?page&limit` of a list as `{"data": [...], "total": N}`."""
    page = max(_whole(request, "page", 1), 1)
    limit = min(max(_whole(request, "limit", 100), 1), _MAX_PAGE)
    start = (page - 1) * limit
    return web.json_response({"data": entries[start : start + limit], "total": len(entries)})


async def json_object(request: web.Request) -> dict[str, Any]:
    """Read the body as one JSON object.

    Raises:
        web.HTTPBadRequest: it is none.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(
            text='{"error": "a JSON object is required"}', content_type="application/json"
        )
    return body


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")


def _digest(request: web.Request, body: bytes) -> bytes:
    return hashlib.sha256(f"{request.method} {request.path_qs}\n".encode() + body).digest()
