"""Reads every page of a window and lands it; what fails is named, and the read goes on.

Page 1 tells the total and the real page length; pages that are known by number are then read at once,
pages that hang on one another in order, the next one asked for while this one is counted and landed. After
each pass `proof` judges whether it was enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sync_platform.api.client import ApiClient
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import UnauthorizedError
from sync_platform.api.pages import BadTotal, PageRequest, plan, too_many_pages
from sync_platform.api.request import ApiRequest
from sync_platform.pull.account import Proof
from sync_platform.pull.ahead import WorkAhead
from sync_platform.pull.blocks import BlockWriter
from sync_platform.pull.collect import Asked, PageCollector, PassState
from sync_platform.pull.identity import Identities
from sync_platform.pull.land import LandedSync
from sync_platform.pull.ledger import QueuedPage
from sync_platform.pull.looks import Looks
from sync_platform.pull.parts import halves
from sync_platform.pull.proof import Pass, Verdict, judge
from sync_platform.pull.source import Source
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window
from sync_platform.vocabulary import SyncPlatformError

_DEFAULT_CONCURRENT_PAGES = 16
_MAX_FAILURES_IN_ROW = 10
_CLOCK_DOUBT = timedelta(seconds=60)
_EMPTY_PAGE = "the page is empty before the end that the total implies"
_UNREAD = "; everything behind this page is unread"


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What was read; see `land.ReadManifest` for the meaning of the fields."""

    source_clock_at: datetime
    pages: int
    records: int
    body_bytes: int
    blocks: int
    expected: int | None
    distinct: int
    proof: Proof
    proof_reason: str
    queued: tuple[QueuedPage, ...]
    errors: tuple[dict[str, Any], ...]
    rows_queued_estimate: int
    next_token: str | None


@dataclass(frozen=True, slots=True)
class _ReadPart:
    """How a window, or a part of one that is too large, was read at last."""

    state: PassState
    proof: Proof
    reason: str


class Reader:
    """Reads one window of one source. Use it once."""

    def __init__(
        self,
        spec: ApiSyncSpec,
        window: Window,
        *,
        client: ApiClient,
        landed: LandedSync,
        ahead: WorkAhead,
        now: Callable[[], datetime],
        log: Callable[[str], None],
    ) -> None:
        self._spec = spec
        identities = Identities(spec)
        self._whole = self._source = Source(spec, client, window, identities)
        writer = BlockWriter(landed, spec.source, spec.batch_size, ahead)
        self._pages = PageCollector(spec, writer, identities, stored=self._source.stored, now=now, log=log)
        self._looks = Looks(self._pages.seen, log)
        self._now = now
        self._log = log

    async def read(self) -> ReadOutcome:
        """Read until the proof holds or cannot be had; a window that is too large is read part by part.

        Raises:
            RetryableError: page 1 could not be read.
            PermanentError: the source refused, or answers something else than the YAML says.
        """
        windows, parts = [self._whole.window], list[_ReadPart]()
        while windows:
            self._source = replace(self._whole, window=windows.pop(0))
            cut, part = await self._read_part()
            windows[:0] = cut
            parts += [part] if part is not None else []
        await self._pages.writer.finish()
        return self._outcome(parts, *await self._proof_of(parts))

    async def _read_part(self) -> tuple[tuple[Window, ...], _ReadPart | None]:
        """Read the source's window: the halves to be read instead of it, or how it was read."""
        number, verdict = 0, "read_again"
        is_first = self._pages.read_began_at is None
        while verdict == "read_again":
            number += 1
            try:
                state, first = await self._open_pass(number)
                if number == 1 and (cut := self._cut(state)):
                    return cut, None
                verdict, proof, reason = await self._read_pass(state, first)
            except SyncPlatformError as error:
                if (number == 1 and is_first) or isinstance(error, UnauthorizedError):
                    raise  # what an earlier pass or part has read is not thrown away for a further look
                if number == 1:
                    state = self._unopened(error)
                verdict, proof, reason = "unproven", "none", f"a further look failed: {error}"
                self._pages.finish_pass()
            if verdict == "read_again":
                self._log(f"reading again: {reason}")
        return (), _ReadPart(state, proof, reason)

    def _cut(self, state: PassState) -> tuple[Window, ...]:
        """The halves of a window that holds more than one query of this API can reach."""
        most = self._spec.pagination.max_records
        if most is None or state.total is None or state.total <= most:
            return ()
        cut = halves(self._spec, self._source.window, now=self._now())
        if cut is None:
            state.fault = (
                f"{state.total} records share one place of the cursor, more than max_records ({most}) lets a "
                "query reach"
            )
            self._log(state.fault)
            return ()
        self._log(f"{state.total} records are more than max_records ({most}): the window is cut in halves")
        return cut

    def _unopened(self, error: SyncPlatformError) -> PassState:
        """The state of a part whose first page could not be read: it is queued, the other parts go on."""
        state = PassState(1, self._pages.read_began_at or self._now(), page_length=self._spec.page_size)
        page = self._source.first_page(self._source.paginator())
        self._pages.fail(state, page, self._source.request(page), error, behind=_UNREAD)
        return state

    async def _proof_of(self, parts: list[_ReadPart]) -> tuple[Proof, str]:
        """What the parts prove together: each must be proven, and none may be missing between them."""
        worst = next((part for part in parts if part.proof == "none"), parts[0])
        if len(parts) == 1 or worst.proof == "none":
            return worst.proof, worst.reason
        look = await self._looks.answer(self._whole.look()) if self._has_exact_total else None
        total = look[0] if look is not None else None
        if total is not None and self._pages.seen.distinct < total:
            reason = (
                f"the parts hold {self._pages.seen.distinct} records, the window {total}: some have no cursor"
            )
            return "none", reason
        proofs = {part.proof for part in parts}
        return "total" if proofs == {"total"} else "end_signal", f"each of {len(parts)} parts is proven"

    def _outcome(self, parts: list[_ReadPart], proof: Proof, reason: str) -> ReadOutcome:
        writer, states = self._pages.writer, [part.state for part in parts]
        return ReadOutcome(
            source_clock_at=self._pages.read_began_at or states[0].started_at,
            pages=writer.pages,
            records=writer.records,
            body_bytes=writer.body_bytes,
            blocks=writer.blocks,
            expected=writer.expected,
            distinct=self._pages.seen.distinct,
            proof=proof,
            proof_reason=reason,
            queued=tuple(page for state in states for page in state.queued),
            errors=tuple(error for state in states for error in state.errors),
            rows_queued_estimate=sum(len(state.queued) * state.page_length for state in states),
            next_token=states[-1].token,
        )

    async def _open_pass(self, number: int) -> tuple[PassState, Asked]:
        """Ask for page 1, which tells the total."""
        page = self._source.first_page(self._source.paginator())
        request = self._source.request(page)
        reply, records = await self._source.ask(request)
        state = PassState(number, self._source_clock(reply))
        self._pages.read_began_at = self._pages.read_began_at or state.started_at
        await self._note_total(state, reply)
        return state, Asked(page, request, reply, records)

    async def _read_pass(self, state: PassState, first: Asked) -> tuple[Verdict, Proof, str]:
        """Read all pages once and judge what was seen."""
        state.page_length = len(first.records) or self._spec.page_size
        if state.total is not None and state.total > len(first.records):
            await self._looks.begin(self._source, state)
            first = await self._begin_again(state, first)
            state.at_front = self._pages.seen.versions(first.records)
        if self._spec.is_concurrent and state.total is not None and (state.total or not first.records):
            await self._pages.land(state, first, self._pages.count(state, first))
            if not first.records and state.total and not first.reply.ends_pages:
                self._pages.queue(state, first.page, first.request, _EMPTY_PAGE, None)
            state.saw_end = first.reply.ends_pages
            await self._read_planned(state)
        else:
            await self._read_in_order(state, first)
        look = await self._look_back(state)
        self._pages.finish_pass()
        return judge(look)

    async def _begin_again(self, state: PassState, first: Asked) -> Asked:
        """Ask for page 1 once more, so that total and pages are younger than the look at the latest changes.

        A record inserted between page 1 and that look would be in no page's place and in both looks, and one
        deletion hides it from the total: of 5,000 simulated syncs one lost a record so.
        """
        if state.lately is None:
            return first
        answer = await self._looks.answer(self._source.ask(first.request))
        if answer is None:
            state.lately = None
            return first
        reply, records = answer
        state.total = None
        await self._note_total(state, reply)
        return Asked(first.page, first.request, reply, records)

    async def _note_total(self, state: PassState, reply: Reply) -> None:
        """Keep the total that the source names, or what is wrong with it."""
        total = await self._source.total(reply)
        if not isinstance(total, BadTotal):
            state.total = total
        elif self._has_exact_total:
            state.fault = total.reason
        if self._pages.writer.expected is None:
            self._pages.writer.expected = state.total

    @property
    def _has_exact_total(self) -> bool:
        total = self._spec.pagination.total
        return total is not None and total.exact

    async def _read_planned(self, state: PassState) -> None:
        """Read the pages that the total implies, several at once."""
        spec = self._spec.pagination
        pages = plan(spec, state.total or 0, state.page_length)
        allowed = islice(pages, spec.max_pages - 1)  # page 1 is read
        workers = self._spec.max_concurrent_pages or _DEFAULT_CONCURRENT_PAGES
        await _all_or_first_error(self._work(state, allowed) for _ in range(workers))
        if not state.saw_end and (beyond := next(pages, None)) is not None:
            reason = f"{too_many_pages(spec)}{_UNREAD}"
            self._pages.queue(state, beyond, self._source.request(beyond), reason, None)
        state.saw_end = not state.queued

    async def _work(self, state: PassState, pages: Iterator[PageRequest]) -> None:
        for page in pages:
            if state.saw_end:  # the API itself said that there is nothing behind
                return
            request = self._source.request(page)
            if state.failures_in_row >= _MAX_FAILURES_IN_ROW:
                self._pages.queue(
                    state, page, request, "not asked: too many pages before it failed in a row", None
                )
                continue
            await self._read_one(state, page, request)

    async def _read_one(self, state: PassState, page: PageRequest, request: ApiRequest) -> None:
        """Read a page whose number is known; what fails is queued."""
        try:
            asked = Asked(page, request, *await self._source.ask(request))
        except UnauthorizedError:
            raise
        except SyncPlatformError as error:
            self._pages.fail(state, page, request, error)
            return
        await self._pages.land(state, asked, self._pages.count(state, asked))
        if asked.reply.ends_pages:
            state.saw_end = True
        elif not asked.records:
            self._pages.queue(state, page, request, _EMPTY_PAGE, None)
            return
        state.failures_in_row = 0

    async def _read_in_order(self, state: PassState, asked: Asked) -> None:
        """Follow the pages one by one to the API's own end; behind a failed page everything is unread."""
        pages = self._source.paginator()
        while True:
            state.token = self._source.token(asked.reply) or state.token
            last = bytes(asked.records.raws[-1]) if asked.records else None
            page, request = asked.page, asked.request
            try:
                following = pages.advance(page, asked.reply, len(asked.records), last)
            except SyncPlatformError as error:
                await self._count_and_land(state, asked)
                self._pages.fail(state, page, request, error, behind=_UNREAD)
                return
            if following is None:
                await self._count_and_land(state, asked)
                self._note_end(state)
                return
            page, request = following, self._source.request(following)
            try:
                asked = await self._ask_while_landing(state, asked, page, request)
            except UnauthorizedError:
                raise
            except SyncPlatformError as error:
                self._pages.fail(state, page, request, error, behind=_UNREAD)
                return

    async def _ask_while_landing(
        self,
        state: PassState,
        asked: Asked,
        page: PageRequest,
        request: ApiRequest,
    ) -> Asked:
        """Count and land a page while the source works on the next one; still one request at a time."""
        coming = asyncio.ensure_future(self._source.ask(request))
        try:
            await self._count_and_land(state, asked)
            return Asked(page, request, *await coming)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    def _note_end(self, state: PassState) -> None:
        state.saw_end = True
        incremental = self._spec.incremental
        if incremental is not None and incremental.token is not None and state.token is None:
            state.fault = f"the last page hands over no token (incremental.token: {incremental.token})"

    async def _count_and_land(self, state: PassState, asked: Asked) -> None:
        # In a thread, so that the request that is under way meanwhile is really sent.
        await self._pages.land(state, asked, await asyncio.to_thread(self._pages.count, state, asked))

    async def _look_back(self, state: PassState) -> Pass:
        """What moved while the pass was read, as far as the source can say."""
        total = state.total if self._has_exact_total else None
        total_at_end, changes, vanished = total, None, 0
        if state.pages > 1 and not state.queued and state.total is not None:
            total_at_end, changes, vanished = await self._looks.end(self._source, state)
        return Pass(
            number=state.number,
            total_at_start=total,
            total_at_end=None if total is None else total_at_end,
            pages=state.pages,
            records=self._pages.seen.records_in_pass,
            distinct=self._pages.seen.distinct_in_pass(),
            unseen=state.unseen,
            changes_meanwhile=changes,
            vanished=vanished,
            failed_pages=len(state.queued),
            fault=state.fault,
            saw_end=state.saw_end,
            holds_end_by_signal=self._spec.pagination.type not in ("page", "offset"),
        )

    def _source_clock(self, reply: Reply) -> datetime:
        """The source's clock when it began to answer; without a Date header ours, less a minute."""
        clock = reply.source_clock_at or (self._now() - _CLOCK_DOUBT)
        return clock - timedelta(seconds=reply.elapsed_s)


async def _all_or_first_error(work: Iterable[Awaitable[None]]) -> None:
    """Run all of it; the first error stops the rest and is raised as it is."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
