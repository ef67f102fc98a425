"""GET /v1/customers of Stripe: newest first, cursors are ids of objects, filter by creation only.

After https://docs.stripe.com/api/customers/list, .../api/pagination, .../api/errors and .../rate-limits.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, json_reply
from sync_platform_tests.simulators.limits import RateWindow


@dataclass
class StripeCustomers:
    """The endpoint.

    Attributes:
        key: the secret key, the user of HTTP Basic.
        customers: by id.
        rate: how many requests it takes.
        refused: how many it refused for that.
    """

    key: str
    rate: RateWindow
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        pair = base64.b64encode(f"{self.key}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return _error(401, "invalid_request_error", None, "Invalid API Key provided")
        if self.rate.is_exceeded():
            self.refused += 1
            return _error(429, "invalid_request_error", "rate_limit", "Request rate limit exceeded.")
        limit = int(request.param("limit") or 10)
        if not 1 <= limit <= 100:
            return _error(400, "invalid_request_error", "parameter_invalid_integer", "limit is 1 to 100")
        created_from = int(request.param("created[gte]") or 0)
        found = [one for one in self._newest_first() if one["created"] >= created_from]
        after = request.param("starting_after")
        if after is not None:
            if after not in self.customers:
                return _error(
                    400, "invalid_request_error", "resource_missing", f"No such customer: '{after}'"
                )
            places = [one["id"] for one in self._newest_first()]
            behind = set(places[places.index(after) + 1 :])
            found = [one for one in found if one["id"] in behind]
        shown = found[:limit]
        return json_reply(
            {"object": "list", "url": "/v1/customers", "has_more": len(found) > limit, "data": shown}
        )

    def _newest_first(self) -> list[dict[str, Any]]:
        return sorted(self.customers.values(), key=lambda one: (one["created"], one["id"]), reverse=True)


def customer(number: int, created: int, **changes: Any) -> dict[str, Any]:
    """A customer object; some have no address, some no name."""
    return {
        "id": f"cus_{number:08d}",
        "object": "customer",
        "address": {"city": f"City {number % 9}", "country": "DE"} if number % 3 else None,
        "balance": -number,
        "created": created,
        "currency": "eur",
        "delinquent": number % 10 == 0,
        "email": f"Customer{number}@Example.com",
        "metadata": {"tier": "gold"} if number % 4 == 0 else {},
        "name": f"Customer {number}" if number % 6 else None,
        **changes,
    }


def _error(status: int, kind: str, code: str | None, message: str) -> ScriptedReply:
    return json_reply({"error": {"type": kind, "code": code, "message": message}}, status)
