"""POST /crm/v3/objects/contacts/search of HubSpot: a search reaches 10,000 results, `after` is a place in it.

After https://developers.hubspot.com/docs/api/crm/search and .../api/usage-details.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, json_reply
from sync_platform_tests.simulators.limits import RateWindow

REACH = 10_000
_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "GTE": lambda found, asked: found >= asked,
    "LT": lambda found, asked: found < asked,
}


@dataclass
class HubspotContacts:
    """The endpoint; `contacts` by id, `refused` counts what the limit turned away."""

    token: str
    rate: RateWindow
    contacts: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0
    searches: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if self.rate.is_exceeded():
            self.refused += 1
            return _error(429, "RATE_LIMITS", "You have reached your secondly limit.")
        search = json.loads(request.body)
        self.searches.append(search)
        if problem := _problem(search):
            return _error(400, "VALIDATION_ERROR", problem)
        return self._found(search)

    def _found(self, search: dict[str, Any]) -> ScriptedReply:
        [group], first, size = search["filterGroups"], int(search.get("after", 0)), search["limit"]
        found = [one for one in self.contacts.values() if all(_fits(one, said) for said in group["filters"])]
        found.sort(key=lambda one: (modified_ms(one), one["id"]))
        paging = (
            {"next": {"after": str(first + size), "link": "?after="}} if first + size < len(found) else None
        )
        shown = [_with(one, search["properties"]) for one in found[first : first + size]]
        body = {"total": len(found), "results": shown}
        return json_reply(body if paging is None else {**body, "paging": paging})


def contact(number: int, modified: datetime, **changes: Any) -> dict[str, Any]:
    """A contact; every property is a text or null."""
    at = modified.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    properties = {
        "email": f"Contact{number}@Example.com",
        "firstname": f"First{number}",
        "lastname": None if number % 8 == 0 else f"Last{number}",
        "lifecyclestage": "lead" if number % 2 else "customer",
        "lastmodifieddate": at,
        "hs_object_id": str(number),
        **changes,
    }
    return {"id": str(number), "properties": properties, "createdAt": at, "updatedAt": at, "archived": False}


def modified_ms(one: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(one["properties"]["lastmodifieddate"]).timestamp() * 1000)


def _problem(search: dict[str, Any]) -> str | None:
    if search["limit"] > 200:
        return "limit is at most 200"
    if int(search.get("after", 0)) + search["limit"] > REACH:
        return "The paging offset is beyond 10000"
    filters = [said for group in search["filterGroups"] for said in group["filters"]]
    return None if all("value" in said for said in filters) else "A filter needs a value"


def _fits(one: dict[str, Any], said: dict[str, Any]) -> bool:
    assert said["propertyName"] == "lastmodifieddate"
    return _OPERATORS[said["operator"]](modified_ms(one), int(said["value"]))


def _with(one: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {**one, "properties": {name: one["properties"].get(name) for name in [*names, "hs_object_id"]}}


def _error(status: int, category: str, message: str) -> ScriptedReply:
    return json_reply({"status": "error", "message": message, "category": category}, status)
