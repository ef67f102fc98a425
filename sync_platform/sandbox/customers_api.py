"""The sandbox's receiver of customers: the endpoint that `customer_push` sends to.

Here belong what it takes and how it tells what it took. Source: seed 000, one POST a customer.
"""

from typing import Any

from aiohttp import web

from sync_platform.sandbox.received import Answers, Kept, json_object, page_of


class CustomersApi:
    """`POST /customers` takes a customer; `GET` reads back what was taken."""

    def __init__(self) -> None:
        self._customers: Kept[dict[str, Any]] = Kept()
        self._answers = Answers()

    def add_routes(self, app: web.Application) -> None:
        """Serve `POST /customers`, `GET /customers?page&limit` and `GET /customers/{id}`."""
        app.router.add_post("/customers", self.take)
        app.router.add_get("/customers", self.list_taken)
        app.router.add_get("/customers/{id}", self.show)

    async def take(self, request: web.Request) -> web.Response:
        """Take one customer, by `id`: 201; the same Idempotency-Key again is answered as the first time.

        No `id` or no JSON object is a 400, a key with another body a 422. `deliveries` counts how often this
        id was really taken, so that a reader sees that nobody got anything twice.
        """
        body = await json_object(request)
        if earlier := self._answers.earlier(request, await request.read()):
            return earlier
        customer_id = body.get("id")
        if not isinstance(customer_id, str | int) or isinstance(customer_id, bool):
            return web.json_response({"error": "id must be a text or a whole number"}, status=400)
        before = self._customers.get(str(customer_id))
        deliveries = 1 if before is None else before["deliveries"] + 1
        self._customers.put(str(customer_id), {"customer": body, "deliveries": deliveries})
        return self._answers.first(
            request, await request.read(), {"id": customer_id, "deliveries": deliveries}
        )

    async def list_taken(self, request: web.Request) -> web.Response:
        """Answer a page of the customers that were taken, the oldest first."""
        return page_of(request, self._customers.values())

    async def show(self, request: web.Request) -> web.Response:
        """Answer one customer as taken last, or 404."""
        found = self._customers.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": "no such customer"}, status=404)
        return web.json_response(found)
