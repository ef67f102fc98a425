"""Faults that a test may order of the sandbox: a system answers with an error for its next requests.

PUT /faults/cms {"status": 503, "times": 3}
"""

from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sync_platform.sandbox.received import json_object

_SYSTEMS = ("users", "customers", "cms", "cache", "notify")


@dataclass(slots=True)
class _Order:
    status: int
    times: int


@dataclass(slots=True)
class Faults:
    """The orders that are still open, at most one a system."""

    _orders: dict[str, _Order] = field(default_factory=dict)

    def add_routes(self, app: web.Application) -> None:
        """Serve `PUT /faults/{system}` with `{status, times}`; `times` 0 ends the fault."""
        app.router.add_put("/faults/{system}", self.order)

    async def order(self, request: web.Request) -> web.Response:
        """Let a system answer `status` to its next `times` requests."""
        body, system = await json_object(request), request.match_info["system"]
        status, times = body.get("status"), body.get("times")
        if system not in _SYSTEMS or not isinstance(status, int) or not isinstance(times, int):
            return web.json_response(
                {"error": f"status and times must be whole numbers, the system one of {', '.join(_SYSTEMS)}"},
                status=400,
            )
        self._orders[system] = _Order(status, times)
        return web.json_response({"system": system, "status": status, "times": times})

    def middleware(self) -> Middleware:
        """Answer what was ordered before any system is asked."""

        @web.middleware
        async def answer_fault(request: web.Request, handler: Handler) -> web.StreamResponse:
            order = self._orders.get(request.path.split("/")[1])
            if order is None or order.times < 1:
                return await handler(request)
            order.times -= 1
            phrase = HTTPStatus(order.status).phrase if order.status in set(HTTPStatus) else "fault"
            return web.json_response({"error": phrase}, status=order.status)

        return answer_fault
