"""A users API with a memory, whose users change while they are read: between two requests a test may hook in.

It answers through the scripted server, over real sockets. Its clock stands still until a test moves it, and
tells the time in the Date header. Here belongs the source's behaviour; what a sync makes of it is the tests'.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sync_platform.pull.spec import ApiSyncSpec
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, body_reply, status

STARTED_AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
TOKEN = "canary-token-7f3a"
ENVIRONMENT = {"EXTERNAL_API_TOKEN": TOKEN}

USERS: dict[str, Any] = {
    "source": "users",
    "base_url": "${EXTERNAL_API_URL}",
    "auth": {"type": "bearer", "token": "${EXTERNAL_API_TOKEN}"},
    "request": {
        "path": "/users",
        "params": {"page": "{page}", "limit": "{page_size}", "updated_since": "{since}"},
    },
    "page_size": 10,
    "max_concurrent_pages": 1,  # so that tests know which request comes when
    "pagination": {"type": "page", "total": "total"},
    "incremental": {"field": "updated_at", "start": "2024-01-01T00:00:00Z", "lag_s": 60},
    "records": "data",
    "provenance": "external-system",
    "fields": {
        "email": {"path": "email", "type": "text", "required": True},
        "active": {"path": "active", "type": "boolean", "required": True},
    },
    "columns": {
        "external_id": "CAST(id AS VARCHAR)",
        "email": "lower(email)",
        "name": "concat_ws(' ', first_name, last_name)",
        "status": "CASE WHEN active THEN 'active' ELSE 'inactive' END",
    },
    "target": {"table": "users", "key": "external_id", "max_open_conns": 10},
    "retries": {"count": 0, "delay_s": 0},
    "watermark_key": "last_user_sync",
}


def users_spec(**changes: Any) -> ApiSyncSpec:
    """The seed's users in small pages; a change of None leaves a word out."""
    attributes = {name: value for name, value in {**USERS, **changes}.items() if value is not None}
    return ApiSyncSpec.model_validate(attributes)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    updated_at: datetime


@dataclass
class FakeUsersApi:
    """Users by id, listed in the order of their ids.

    Attributes:
        now: its clock.
        page_cap: it never sends more records a page, whatever is asked for.
        total_of: what it says as total, given the real one; None leaves the total out.
        faults: by page number (or offset), what is answered instead.
        before: by number of the request, starting at 1, what happens just before it is answered.
        failing_requests: numbers of requests that are answered with 500.
        next_suffix: what the API's own next links carry besides.
    """

    now: datetime = STARTED_AT
    page_cap: int = 1000
    total_of: Callable[[int], object] = lambda real: real
    faults: dict[int, ScriptedReply] = field(default_factory=dict)
    before: dict[int, Callable[[], None]] = field(default_factory=dict)
    failing_requests: set[int] = field(default_factory=set)
    next_suffix: str = ""
    requests: list[RecordedRequest] = field(default_factory=list)
    _entries: dict[float, _Entry] = field(default_factory=dict)

    def put(self, user_id: int, **fields: object) -> None:
        """Add or change a user, now."""
        record = {
            "id": user_id,
            "email": f"User{user_id}@Example.com",
            "first_name": f"First{user_id}",
            "last_name": "Last",
            "active": user_id % 2 == 0,
            "updated_at": iso(self.now),
            **fields,
        }
        self.put_text(user_id, json.dumps(record))

    def put_text(self, place: float, record: str, *, updated_at: datetime | None = None) -> None:
        """List any text as a record, at a place among the ids."""
        self._entries[place] = _Entry(record, updated_at or self.now)

    def delete(self, *places: float) -> None:
        for place in places:
            del self._entries[place]

    def fill(self, count: int) -> None:
        """Add users 1 to count, each a second younger than the one before, the last one an hour ago."""
        now = self.now
        for user_id in range(1, count + 1):
            self.now = now - timedelta(hours=1, seconds=count - user_id)
            self.put(user_id)
        self.now = now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def texts(self, since: str | None = None, until: str | None = None) -> list[str]:
        """The records, those that changed from since until before until."""
        return [
            entry.text
            for _, entry in sorted(self._entries.items())
            if (since is None or entry.updated_at >= datetime.fromisoformat(since))
            and (until is None or entry.updated_at < datetime.fromisoformat(until))
        ]

    def text_of(self, place: float) -> str:
        return self._entries[place].text

    def table(self, *without: float) -> dict[str, tuple[str, str, str]]:
        """What the users table must hold: by external_id, (email, name, status); bad places are left out."""
        places = sorted(self._entries.keys() - set(without))
        records = [json.loads(self._entries[place].text) for place in places]
        return {
            str(record["id"]): (
                record["email"].lower(),
                f"{record['first_name']} {record['last_name']}",
                "active" if record["active"] else "inactive",
            )
            for record in records
        }

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        """Answer `page`, `offset` or `cursor`, with `limit`, `updated_since` and `updated_until`."""
        self.requests.append(request)
        self.before.get(len(self.requests), lambda: None)()
        if len(self.requests) in self.failing_requests:
            return status(500)
        limit = min(int(request.param("limit") or 100), self.page_cap)
        at = int(request.param("page") or request.param("offset") or request.param("cursor") or 1)
        if at in self.faults:
            return self.faults[at]
        start = (at - 1) * limit if request.param("page") else at - 1 if request.param("cursor") else at
        start = start if len(request.query) and not self._is_first(request) else 0
        return self._reply(request, start, limit)

    def _is_first(self, request: RecordedRequest) -> bool:
        return not any(request.param(name) for name in ("page", "offset", "cursor"))

    def _reply(self, request: RecordedRequest, start: int, limit: int) -> ScriptedReply:
        texts = self.texts(request.param("updated_since"), request.param("updated_until"))
        shown = texts[start : start + limit]
        behind = start + limit
        envelope: dict[str, object] = {}
        headers = [("Date", format_datetime(self.now, usegmt=True)), ("Content-Type", "application/json")]
        if (total := self.total_of(len(texts))) is not None:
            envelope["total"] = total
        if behind < len(texts):
            following = f"?limit={limit}&cursor={behind + 1}{self.next_suffix}"
            envelope |= {"next": str(behind + 1), "next_url": following}
            headers.append(("Link", f'<{following}>; rel="next"'))
        ends = "".join(f',"{name}":{json.dumps(value)}' for name, value in envelope.items())
        return body_reply(f'{{"data":[{",".join(shown)}]{ends}}}'.encode(), headers=headers)
