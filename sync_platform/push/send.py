"""The sender: takes planned customers out of the ledger, sends each at its time, and notes what became of it.

Here belongs the order of things: turn, breaker, intent, pace, request, outcome, step after. The intent of an
item is committed before its request and its outcome before its place is given to the next one, so that a kill
at any moment leaves at most the requests in flight in doubt.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sync_platform.push.after_each import AfterEach
from sync_platform.push.breaker import Breaker
from sync_platform.push.clerk import Clerk
from sync_platform.push.items import Item
from sync_platform.push.ledger import PushLedger, Settlement
from sync_platform.push.meter import Meter
from sync_platform.push.outcome import Outcome
from sync_platform.push.pace import Pacer
from sync_platform.push.policy import Verdict, claimable, verdict_on
from sync_platform.push.spec import ApiPushSpec
from sync_platform.push.wire import Wire, unauthorized
from sync_platform.vocabulary import RetryableError, SyncPlatformError

LEASE_S = 1.0
"""For how long a look at the ledger proves that the target is still ours. Who takes a target over from a push
that did not end waits longer than this before the first request."""

_CLAIM_LEAD_S = 0.05
_GROUP = 32
_MOST_CLAIMED = 256
_SPIN_S = 0.003
_LONGEST_SLEEP_S = 5.0


@dataclass(slots=True)
class _Flush:
    """Outcomes that wait for one commit together."""

    settlements: list[Settlement] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None


class Sender:
    """Sends what a plan left to be sent.

    Args:
        spec: the push's YAML.
        wire: does the requests.
        intents: the clerk that commits intents, on disk before a request goes out.
        outcomes: the clerk that commits outcomes.
        pacer: with the wait that an earlier push left.
        up_to: position of the last customer that this push may take.
        meter: counts for those who watch.
        log: tells a person one line.
    """

    def __init__(
        self,
        spec: ApiPushSpec,
        *,
        wire: Wire,
        intents: Clerk,
        outcomes: Clerk,
        pacer: Pacer,
        up_to: int,
        meter: Meter,
        log: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._wire = wire
        self._intents, self._outcomes = intents, outcomes
        self._ledger: PushLedger = intents.ledger
        self._pacer = pacer
        self._breaker = Breaker(spec.breaker)
        self._statuses = claimable(spec)
        self._up_to = up_to
        self._meter = meter
        self._log = log
        self._after = AfterEach(spec.after_each, outcomes, wire) if spec.after_each else None
        self._buffer: deque[Item] = deque()
        self._last_position = 0
        self._claiming: asyncio.Task[None] | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._confirmed_s = float("-inf")
        self._flush = _Flush()
        self._flushing: asyncio.Task[None] | None = None
        self._stop: BaseException | None = None
        self._reason: str | None = None
        self._last_failure = ""
        self.requests = 0

    async def run(self) -> str | None:
        """Send until nothing is left, and return why it ended before that, or None.

        Raises:
            UnauthorizedError: the receiver refused our credentials; the rest stays planned.
            LostTargetError: another push took over.
            RetryableError: the database was lost; what was in flight is in doubt.
        """
        try:
            if self._after is not None:
                await self._after.drain()
            await self._wire.prepare()
            while await self._send_next():
                pass
        finally:
            await self._come_to_rest()
        if self._stop is not None:
            raise self._stop
        return self._reason

    async def _send_next(self) -> bool:
        """Start the next request at its time; False when there is none, or none may be sent any more."""
        if not await self._wait_for_room():
            return False
        if not await self._wait_for(lambda: self._start_s() - self._lead_s()):
            return False
        item = await self._take()
        if item is None:
            return self._may_go_on() and await self._wait_for_work()
        if not await self._wait_for(self._start_s) or not await self._is_ours():
            self._buffer.appendleft(item)
            return False
        if self._breaker.is_open and self._in_flight:
            self._buffer.appendleft(item)
            await self._empty_buffer()
            return True
        self._pacer.note_start(time.monotonic())
        self.requests += 1
        task = asyncio.create_task(self._deliver(item))
        self._in_flight.add(task)
        task.add_done_callback(self._note_end)
        return True

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Free the place of a request; an error that nobody foresaw ends the push instead of getting lost."""
        self._in_flight.discard(task)
        if not task.cancelled():
            self._stop = self._stop or task.exception()

    def _may_go_on(self) -> bool:
        return self._stop is None and self._reason is None

    async def _wait_for_room(self) -> bool:
        """Wait for a free place; an open breaker lets one probe pass alone."""
        while self._may_go_on() and len(self._in_flight) >= (
            1 if self._breaker.is_open else self._spec.max_in_flight
        ):
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        return self._may_go_on()

    def _start_s(self) -> float:
        """When the next request may start: pace, pauses and breaker together."""
        return max(self._pacer.next_start_s(), self._breaker.probe_at_s or float("-inf"))

    def _lead_s(self) -> float:
        """How long before its request an intent is committed."""
        return _CLAIM_LEAD_S if self._pacer.is_paced or self._breaker.is_open else 0.0

    async def _wait_for(self, told_s: Callable[[], float]) -> bool:
        """Sleep until a moment, exact to a fraction of a millisecond; False where the push ends first.

        The moment is asked for again and again, because a reply that comes meanwhile may put it off.
        """
        while self._may_go_on():
            now_s, moment_s = time.monotonic(), told_s()
            if moment_s <= now_s:
                return True
            since_s = self._breaker.failing_since_s
            ends_s = float("inf") if since_s is None else since_s + self._spec.breaker.give_up_s
            if min(moment_s, ends_s) > now_s + _SPIN_S and self._buffer and moment_s > now_s + LEASE_S:
                await self._empty_buffer()
            if ends_s <= now_s or (moment_s >= ends_s and not self._in_flight):
                self._give_up()
                return False
            # The event loop's timer is exact to a millisecond; the rest is waited out in short turns.
            wait_s = min(moment_s - now_s - _SPIN_S, _LONGEST_SLEEP_S)
            await asyncio.sleep(max(wait_s, 0.0))
        return False

    def _give_up(self) -> None:
        self._reason = (
            f"the receiver has taken nothing for {self._spec.breaker.give_up_s:g} s (breaker.give_up_s), "
            f"last: {self._last_failure or 'it asked to wait'}; the rest stays planned, push again later"
        )

    async def _take(self) -> Item | None:
        """Take an item whose intent is committed, claiming a group where none is left."""
        if not self._buffer:
            await (self._claiming or self._claim())
        item = self._buffer.popleft() if self._buffer else None
        if self._claiming is None and self._is_ahead() and len(self._buffer) < self._spec.max_in_flight:
            self._claiming = asyncio.create_task(self._claim())
        return item

    def _is_ahead(self) -> bool:
        """Whether intents are committed while others are sent: never where they would be parked by a kill."""
        return not self._pacer.is_paced and self._spec.in_doubt == "resend" and not self._breaker.is_open

    async def _claim(self) -> None:
        try:
            items = await self._intents.do(
                self._ledger.claim,
                statuses=self._statuses,
                after=self._last_position,
                up_to=self._up_to,
                most=self._claim_size(),
                hold_s=self._pacer.hold_s(time.monotonic(), ahead=self._claim_size()),
            )
        except SyncPlatformError as error:
            self._stop = self._stop or error
            return
        finally:
            self._claiming = None
        self._confirmed_s = time.monotonic()
        self._last_position = max([self._last_position, *(item.position for item in items)])
        self._buffer.extend(items)

    def _claim_size(self) -> int:
        if self._breaker.is_open:
            return 1
        if self._spec.in_doubt == "park":
            return max(1, self._spec.max_in_flight - len(self._in_flight)) if not self._pacer.is_paced else 1
        return self._pacer.claim_size(most=min(max(_GROUP, 4 * self._spec.max_in_flight), _MOST_CLAIMED))

    async def _wait_for_work(self) -> bool:
        """Wait for a request in flight or a retry that is due; False when there is neither."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
            return True
        try:
            due_s = await self._intents.do(self._ledger.next_due_s, self._statuses)
        except SyncPlatformError as error:
            self._stop = error
            return False
        if due_s is None:
            return False
        due_at_s = time.monotonic() + due_s
        return await self._wait_for(lambda: max(due_at_s, self._breaker.probe_at_s or due_at_s))

    async def _is_ours(self) -> bool:
        """Make sure, just before a request, that no other push took over; a stopped process wakes up here."""
        if time.monotonic() - self._confirmed_s < LEASE_S:
            return True
        asked_s = time.monotonic()
        try:
            if await self._intents.do(self._ledger.owns_target):
                self._confirmed_s = asked_s
                return True
            self._stop = self._ledger.lost()
        except SyncPlatformError as error:
            self._stop = error
        return False

    async def _deliver(self, item: Item) -> None:
        """Send one item, write down what became of it, and do the step after it."""
        began_s = time.monotonic()
        try:
            outcome = await self._wire.send(item)
        except RetryableError as error:
            outcome = Outcome("unreachable", reason=str(error), is_receiver_failing=True, is_undoubted=True)
        except SyncPlatformError as error:
            self._stop = self._stop or error
            outcome = Outcome("unauthorized", reason=str(error), is_undoubted=True)
        ended_s = time.monotonic()
        self._pacer.note_reply(ended_s)
        has_opened = self._note(item, outcome, ended_s)
        verdict = verdict_on(outcome, item, self._spec, is_open=self._breaker.is_open, jitter_s=_full_jitter)
        settlement = _settlement(item, outcome, verdict, sent_s=ended_s - began_s)
        try:
            await self._settle(settlement)
            if has_opened:
                await self._outcomes.do(self._ledger_of_outcomes().forgive_tries)
            if verdict.status == "delivered" and self._after is not None:
                await self._after.run(
                    item.customer_id, item.payload.decode(), item.idempotency_key, outcome.status_code
                )
        except SyncPlatformError as error:
            self._stop = self._stop or error

    def _note(self, item: Item, outcome: Outcome, now_s: float) -> bool:
        """Let pace and breaker learn from an outcome; True when the breaker has just opened."""
        if outcome.reason is not None:
            self._last_failure = outcome.reason
        if outcome.pause_s is not None or outcome.kind == "slow_down":
            is_limit = outcome.kind == "delivered"
            if is_limit:
                self._pacer.pause(now_s, outcome.pause_s or 0.0)
            else:
                self._pacer.slow_down(now_s, outcome.pause_s)
        if outcome.kind == "unauthorized":
            self._stop = self._stop or unauthorized(self._spec, outcome)
        elif outcome.kind == "slow_down":
            self._breaker.hold(now_s)
        elif outcome.is_receiver_failing:
            was_open = self._breaker.is_open
            is_silent = outcome.kind == "unreachable"
            if self._breaker.fail(now_s, item.customer_id, is_silent=is_silent) and not was_open:
                self._log(
                    f"{self._breaker.streak} customers in a row failed, last: {outcome.reason}; waiting "
                    f"{self._spec.breaker.probe_s:g} s before one item probes"
                )
                return True
        else:
            if outcome.kind == "delivered":
                self._pacer.note_delivery()
            if self._breaker.succeed():
                self._log("the receiver answers again; going on")
        return False

    async def _settle(self, settlement: Settlement) -> None:
        """Commit one outcome, together with all that came while the commit before it was under way.

        Raises:
            SyncPlatformError: the books could not be written.
        """
        self._meter.count(settlement.status)
        flush = self._flush
        flush.settlements.append(settlement)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())
        await flush.done.wait()
        if flush.error is not None:
            raise flush.error

    async def _flush_all(self) -> None:
        while self._flush.settlements:
            flush, self._flush = self._flush, _Flush()
            now_s = time.monotonic()
            try:
                await self._outcomes.do(
                    self._ledger_of_outcomes().settle,
                    flush.settlements,
                    hold_s=self._pacer.hold_s(now_s, ahead=len(self._buffer)),
                    since_sent_s=max(0.0, now_s - self._pacer.last_start_s),
                    has_after_each=self._after is not None,
                )
                self._confirmed_s = now_s
            except Exception as error:  # noqa: BLE001 - whoever waits for this commit raises it
                flush.error = error
            flush.done.set()
        self._flushing = None

    def _ledger_of_outcomes(self) -> PushLedger:
        return self._outcomes.ledger

    async def _empty_buffer(self) -> None:
        """Take back intents that will not be followed by a request soon."""
        items = [item.customer_id for item in self._buffer]
        self._buffer.clear()
        if items:
            await self._intents.do(self._ledger.release, items)

    async def _come_to_rest(self) -> None:
        """Let what is in flight end, and take back the intents of what was not sent."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)
        if self._claiming is not None:
            await self._claiming
        try:
            await self._empty_buffer()
        except SyncPlatformError as error:
            self._stop = self._stop or error


def _settlement(item: Item, outcome: Outcome, verdict: Verdict, *, sent_s: float) -> Settlement:
    return Settlement(
        customer_id=item.customer_id,
        outcome=outcome.kind,
        status=verdict.status,
        status_code=outcome.status_code,
        error=outcome.reason,
        retry_s=verdict.retry_s,
        is_untried=verdict.is_untried,
        is_undoubted=outcome.is_undoubted,
        sent_s=sent_s,
        seconds=sent_s,
    )


def _full_jitter(ceiling_s: float) -> float:
    return random.uniform(0, ceiling_s)  # noqa: S311 - spreads retries, protects nothing
