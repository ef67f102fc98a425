"""What becomes of a page that was asked for: its records are counted and landed, or its failure is named.

Here belong the states of a pass over the pages and what each page adds to it. Which page is asked next, and
what it all proves, is decided by `read`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sync_platform.api.exchange import Reply
from sync_platform.api.json_path import Missing
from sync_platform.api.pages import PageRequest
from sync_platform.api.request import ApiRequest
from sync_platform.pull.blocks import BlockWriter
from sync_platform.pull.identity import Identities, PageRecords
from sync_platform.pull.land import LandedPage
from sync_platform.pull.ledger import QueuedPage, error_entry
from sync_platform.pull.normalize import column_of
from sync_platform.pull.seen import SeenRecords
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.times import read_times
from sync_platform.vocabulary import RetryableError, SyncPlatformError

_FIRST_RETRY_DELAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Asked:
    """A page and its answer."""

    page: PageRequest
    request: ApiRequest
    reply: Reply
    records: PageRecords


@dataclass(slots=True)
class PassState:
    """What is known of the pass that is being read.

    `at_front` and `lately` are versions of records as they stood when it began: those of page 1, and those
    that had changed shortly before.
    """

    number: int
    started_at: datetime
    total: int | None = None
    fault: str | None = None
    page_length: int = 0
    pages: int = 0
    unseen: int = 0
    failures_in_row: int = 0
    saw_end: bool = False
    at_front: frozenset[int] = frozenset()
    lately: frozenset[int] | None = None
    token: str | None = None
    queued: list[QueuedPage] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


class PageCollector:
    """Takes the pages of one read.

    Attributes:
        writer: lands them, and counts what has landed.
        seen: the records received so far.
        read_began_at: the source's clock when the read began, once it is known.
    """

    def __init__(
        self,
        spec: ApiSyncSpec,
        writer: BlockWriter,
        identities: Identities,
        *,
        stored: Callable[[ApiRequest], dict[str, Any]],
        now: Callable[[], datetime],
        log: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self.writer = writer
        self.seen = SeenRecords(spec, identities)
        self.read_began_at: datetime | None = None
        self._stored = stored
        self._now = now
        self._log = log
        self._pages_before = self._last_page = 0

    def finish_pass(self) -> None:
        """Join this pass with the earlier ones."""
        self.seen.finish_pass()
        self._pages_before = self._last_page

    def count(self, state: PassState, asked: Asked) -> tuple[bytes, int]:
        """Count a page's records; returns the body to land and how many records it holds."""
        state.pages += 1
        body, count = asked.reply.body, len(asked.records)
        if state.number > 1:
            fresh = self.seen.unseen(asked.records)
            state.unseen += self._older_than_read(fresh)
            body, count = b"[" + b",".join(fresh) + b"]", len(fresh)
        self.seen.add(asked.records)
        return body, count

    async def land(self, state: PassState, asked: Asked, counted: tuple[bytes, int]) -> None:
        """Land what a page brought new."""
        body, count = counted
        # A further pass counts on: no two landed pages have the same number.
        number = self._pages_before + asked.page.number
        self._last_page = max(self._last_page, number)
        if count:
            request = msgspec.json.encode(self._stored(asked.request))
            page = LandedPage(number, request, body, is_excerpt=state.number > 1)
            await self.writer.add(page, count)

    def _older_than_read(self, records: list[msgspec.Raw]) -> int:
        """How many are older than the read: later changes do not count against the proof."""
        incremental, path = self._spec.incremental, self._spec.cursor_path
        if incremental is None or path is None or not incremental.is_time or not records:
            return len(records)
        found = [path.find(json.loads(bytes(record), strict=False)) for record in records]
        values = [None if isinstance(value, Missing | list | dict) else value for value in found]
        times = read_times(column_of("cursor", values), incremental.format)
        return sum(
            1 for time in times if time is None or self.read_began_at is None or time < self.read_began_at
        )

    def fail(
        self,
        state: PassState,
        page: PageRequest,
        request: ApiRequest,
        error: SyncPlatformError,
        behind: str = "",
    ) -> None:
        """Queue a page that could not be read."""
        state.failures_in_row += 1
        retry_after_s = error.retry_after_s if isinstance(error, RetryableError) else None
        self.queue(state, page, request, f"{error}{behind}", retry_after_s)

    def queue(
        self,
        state: PassState,
        page: PageRequest,
        request: ApiRequest,
        reason: str,
        retry_after_s: float | None,
    ) -> None:
        """Name a page that has to be asked for again, with its whole request."""
        now = self._now()
        wait = max(_FIRST_RETRY_DELAY, timedelta(seconds=retry_after_s or 0))
        state.queued.append(QueuedPage(page.number, reason, self._stored(request), now + wait))
        state.errors.append(error_entry(page.number, reason, now))
        self._log(f"page {page.number} is queued: {reason}")
