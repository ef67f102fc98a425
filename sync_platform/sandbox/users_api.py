"""The sandbox's `GET /users`: the list endpoint of the seed's external system.

Here belong the query's rules, the paging and the encoding of pages; who the people are stands in `users`.
Source: seed 001, node 3 (API client) and node 4 (`data`, `total`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from aiohttp import web

from sync_platform.sandbox.users import Moment, Population

_MAX_LIMIT = 1000
_KEPT_PAGES = 2048
_SOME_SHORT_PAGE = 100


class UsersApi:
    """The users endpoint over one population.

    Pages are encoded once for each moment and kept, so that a benchmark measures the client and not this
    server: a page of 100 is some 24 kB, kept pages are bounded by their number.

    Args:
        population: the people.
        moment: tells how far they have come; asked once a request.
    """

    def __init__(self, population: Population, moment: Callable[[], Moment]) -> None:
        self._population = population
        self._moment = moment
        self._page = lru_cache(maxsize=_KEPT_PAGES)(self._encode_page)

    def add_routes(self, app: web.Application) -> None:
        """Serve `GET /users?page&limit&updated_since`."""
        app.router.add_get("/users", self.list_users)

    async def list_users(self, request: web.Request) -> web.Response:
        """Answer one page ordered by id: `{"data": [...], "total": N}`, where `total` counts the filtered.

        `updated_since` is inclusive; a page behind the end is empty; a wrong parameter is a 400.
        """
        try:
            page, limit = (
                _whole(request, "page", default=1),
                _whole(request, "limit", default=_SOME_SHORT_PAGE),
            )
            since = _time(request, "updated_since")
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        body = self._page(page, min(limit, _MAX_LIMIT), since, self._moment())
        return web.Response(body=body, content_type="application/json")

    def _encode_page(self, page: int, limit: int, since: datetime | None, moment: Moment) -> bytes:
        ids = self._population.changed_since(since, moment)
        start = (page - 1) * limit
        records = b",".join(
            self._population.record(user_id, moment) for user_id in ids[start : start + limit]
        )
        return b'{"data":[%b],"total":%d}' % (records, len(ids))


def _whole(request: web.Request, name: str, *, default: int) -> int:
    text = request.query.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"{name} must be a whole number from 1")
    return int(text)


def _time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} must be an RFC 3339 time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
