"""The users API of seed 001, scripted: real slices of made-up people, filtered as the real one filters.

Here belongs the fake source of the acceptance tests; faults are scripted by the test itself.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, json_reply, status

TOKEN = "a-secret-token"
Person = dict[str, object]


def person(number: int, updated_at: datetime) -> Person:
    return {
        "id": number,
        "email": f"Person.{number}@Example.com",
        "first_name": "Person",
        "last_name": str(number),
        "active": number % 2 == 0,
        "updated_at": updated_at.isoformat().replace("+00:00", "Z"),
    }


def people(count: int, *, start: datetime, apart: timedelta = timedelta(minutes=1)) -> list[Person]:
    return [person(number, start + apart * (number - 1)) for number in range(1, count + 1)]


def answer(records: Iterable[Person], request: RecordedRequest) -> ScriptedReply:
    """One page as the API would send it: filtered inclusively, ordered by id, with the filtered total."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return status(401)
    page, limit = int(request.param("page") or 1), int(request.param("limit") or 100)
    since = request.param("updated_since")
    found = [one for one in records if since is None or _time(str(one["updated_at"])) >= _time(since)]
    return json_reply({"data": found[(page - 1) * limit : page * limit], "total": len(found)})


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def told(requests: Iterable[RecordedRequest]) -> list[str]:
    """The titles of the alerts that a receiver got."""
    return [json.loads(request.body)["title"] for request in requests]
