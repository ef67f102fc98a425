"""GET customers.json and customers/count.json of Shopify's REST Admin API: opaque pages, a leaky bucket.

After https://shopify.dev/docs/api/admin-rest/latest/resources/customer, .../api/usage/pagination-rest and
.../api/usage/limits.
"""

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, json_reply

VERSION = "/admin/api/2024-10"


@dataclass
class LeakyBucket:
    """Holds `size` requests and leaks `leak_per_s` a second."""

    size: int
    leak_per_s: float
    _level: float = 0
    _at_s: float = field(default_factory=time.monotonic)

    def overflows(self) -> bool:
        now_s = time.monotonic()
        self._level = max(0.0, self._level - (now_s - self._at_s) * self.leak_per_s)
        self._at_s = now_s
        if self._level + 1 > self.size:
            return True
        self._level += 1
        return False


@dataclass
class ShopifyCustomers:
    """Both endpoints; `customers` by id, `refused` counts what the bucket turned away."""

    url: str
    token: str
    bucket: LeakyBucket
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        if request.headers.get("x-shopify-access-token") != self.token:
            return json_reply({"errors": "[API] Invalid API key or access token"}, 401)
        if self.bucket.overflows():
            self.refused += 1
            return json_reply(
                {"errors": "Exceeded 2 calls per second for api client."}, 429, {"Retry-After": "0.1"}
            )
        if request.path.endswith("/count.json"):
            return json_reply({"count": len(self._since(request.param("updated_at_min")))})
        return self._page(request)

    def _page(self, request: RecordedRequest) -> ScriptedReply:
        query, token = dict(request.query), request.param("page_info")
        if token is not None and set(query) - {"limit", "page_info", "fields"}:
            return json_reply({"errors": {"page_info": "Invalid value."}}, 400)
        limit = int(query.get("limit", 50))
        if limit > 250:
            return json_reply({"errors": {"limit": "is at most 250"}}, 400)
        place = (
            _opened(token) if token else dict[str, Any]({"since": query.get("updated_at_min"), "after": 0})
        )
        found = [one for one in self._since(place["since"]) if one["id"] > place["after"]]
        shown = found[:limit]
        headers = {}
        if len(found) > limit:
            info = _sealed({"since": place["since"], "after": shown[-1]["id"]})
            link = f"{self.url}{VERSION}/customers.json?limit={limit}&page_info={info}"
            headers["Link"] = f'<{link}>; rel="next"'
        return json_reply({"customers": shown}, headers=headers)

    def _since(self, moment: str | None) -> list[dict[str, Any]]:
        found = sorted(self.customers.values(), key=lambda one: one["id"])
        if moment is None:
            return found
        first = datetime.fromisoformat(moment)
        return [one for one in found if datetime.fromisoformat(one["updated_at"]) >= first]


def customer(number: int, updated_at: datetime, **changes: Any) -> dict[str, Any]:
    """A customer; times carry the shop's own offset, money is a text."""
    return {
        "id": 7_000_000_000 + number,
        "email": f"Buyer{number}@Example.com",
        "first_name": f"First{number}",
        "last_name": None if number % 8 == 0 else f"Last{number}",
        "orders_count": number % 12,
        "state": "enabled" if number % 2 else "disabled",
        "total_spent": f"{number}.10",
        "updated_at": updated_at.isoformat(),
        "default_address": {"city": f"City {number % 7}", "country_code": "FR"} if number % 3 else None,
        **changes,
    }


def _sealed(place: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _opened(token: str) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return opened
