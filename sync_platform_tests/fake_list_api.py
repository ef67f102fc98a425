"""A list endpoint with a memory: filters by a range of its cursor field, pages, caps its reach.

Here belongs the source's behaviour; what a sync makes of it is the tests'.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, body_reply, json_reply, status

Record = dict[str, Any]


@dataclass
class FakeListApi:
    """Answers `?since=&until=&page=&limit=&after=` over its records, in the order of the cursor field.

    Attributes:
        records: what it holds; a test changes them between syncs.
        by: the cursor field that since (inclusive) and until (exclusive) filter.
        is_strict: since is exclusive.
        reach: how many records a query can reach; pages beyond answer 422.
        read: turns a parameter into a value of the cursor field.
    """

    records: list[Record] = field(default_factory=list)
    by: str = "updated_at"
    is_strict: bool = False
    reach: int | None = None
    read: Callable[[str], Any] = str
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        self.asked.append(dict(request.query))
        found = sorted(filter(lambda record: self._fits(record, request), self.records), key=self._place)
        size, page = int(request.param("limit") or 100), int(request.param("page") or 1)
        first, last = (page - 1) * size, page * size
        if self.reach is not None and first >= self.reach:
            return json_reply({"code": "too_deep"}, 422)
        shown = found[first:last]
        following = page + 1 if last < len(found) else None
        return json_reply(
            {"data": shown, "total": len(found), "next": following, "more": following is not None}
        )

    def _place(self, record: Record) -> Any:
        return (record.get(self.by) is not None, record.get(self.by), str(record["id"]))

    def _fits(self, record: Record, request: RecordedRequest) -> bool:
        since, until, value = request.param("since"), request.param("until"), record.get(self.by)
        if since is None and until is None:
            return True
        if value is None:
            return False
        begins = (
            since is None or value > self.read(since) or (value == self.read(since) and not self.is_strict)
        )
        return begins and (until is None or value < self.read(until))


def page_of(*records: Record, **beside: Any) -> ScriptedReply:
    """A page: its records under `data`, and what else the body says."""
    return body_reply(
        json.dumps({"data": records, **beside}).encode(), headers={"Content-Type": "application/json"}
    )


def no_such_page() -> ScriptedReply:
    """What some APIs say behind their last page."""
    return status(404)
