"""The sender: takes planned customers out of the ledger, sends each at its time, and notes what became of it.

Here belongs the order of things: turn, intent, gate, request, outcome, step after. The intent of an item is
committed before its request and its outcome before its place is given to the next one, so that a kill at any
moment leaves at most the requests in flight in doubt.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sync_platform.api.clock import Clock
from sync_platform.push.after_each import AfterEach
from sync_platform.push.clerk import Clerk
from sync_platform.push.gate import Gate, Halt, Suppressed
from sync_platform.push.intents import LEASE_S, Intents
from sync_platform.push.items import Item
from sync_platform.push.ledger import Settlement
from sync_platform.push.meter import Meter
from sync_platform.push.outcome import Outcome
from sync_platform.push.pace import Pacer
from sync_platform.push.policy import verdict_on
from sync_platform.push.reception import Reception
from sync_platform.push.settling import Settling, settlement_of
from sync_platform.push.spec import ApiPushSpec
from sync_platform.push.wire import PutOffError, Wire, unauthorized
from sync_platform.vocabulary import RetryableError, SyncPlatformError

_LEAD_S = 0.05
"""How long before its turn an item is claimed and its connection made; the request then waits in front of the
socket, so that what the receiver sees keeps the pace."""
_LONGEST_LEAD_S = 0.25
_SPIN_S = 0.003
_LONGEST_SLEEP_S = 1.0
_GLANCE_S = 0.05


@dataclass(slots=True)
class _Flight:
    """One request under way; `began_s` is when it went to the socket."""

    item: Item
    began_s: float | None = None
    is_past_start: asyncio.Event = field(default_factory=asyncio.Event)


class Sender:
    """Sends what a plan left to be sent.

    Args:
        spec: the push's YAML.
        wire: does the requests.
        intents: commits intents, on disk before a request goes out.
        outcomes: the clerk that commits outcomes.
        pacer: with the wait that an earlier push left.
        reception: learns how the receiver takes what is sent.
        meter: counts for those who watch.
        clock: paces; tests turn it.
        gate: asked right before each request whether it may go out.
        halted: why the push must come to rest now, or None.
    """

    def __init__(
        self,
        spec: ApiPushSpec,
        *,
        wire: Wire,
        intents: Intents,
        outcomes: Clerk,
        pacer: Pacer,
        reception: Reception,
        meter: Meter,
        clock: Clock,
        gate: Gate | None = None,
        halted: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._wire = wire
        self._intents = intents
        self._outcomes = outcomes
        self._pacer = pacer
        self._reception = reception
        self._settling = Settling(self._commit)
        self._meter = meter
        self._clock = clock
        self._gate, self._halted = gate, halted
        self._after = AfterEach(spec.after_each, outcomes, wire) if spec.after_each else None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._has_landed = asyncio.Event()
        self._stop: BaseException | None = None
        self._reason: str | None = None
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
        except SyncPlatformError as error:
            self._stop = self._stop or error
        finally:
            await self._come_to_rest()
        if self._stop is not None:
            raise self._stop
        return self._reason

    async def _send_next(self) -> bool:
        """Start the next request a little before its turn; False when none is left, or none may be sent."""
        has_room = await self._wait_for_room()
        if not has_room or not await self._wait_until(self._due_s):
            return False
        item = await self._intents.take(in_flight=len(self._in_flight))
        if item is None:
            return await self._wait_for_work()
        if self._reception.is_open and self._in_flight:
            self._intents.put_back(item)
            await self._intents.give_back()
            return True
        if not await self._may_pass(item):
            return self._may_go_on()
        flight = _Flight(item)
        task = asyncio.create_task(self._deliver(flight))
        self._in_flight.add(task)
        task.add_done_callback(self._note_end)
        if not self._reception.is_hurried:
            await flight.is_past_start.wait()
        return True

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Free the place of a request; an error that nobody foresaw ends the push instead of getting lost."""
        self._in_flight.discard(task)
        self._has_landed.set()
        if not task.cancelled():
            self._stop = self._stop or task.exception()

    async def _may_pass(self, item: Item) -> bool:
        """Ask the gate; who is suppressed is noted, and a halt ends the push."""
        if self._gate is None:
            return True
        try:
            answer = await asyncio.to_thread(self._gate, item.customer_id)
        except SyncPlatformError:
            self._intents.put_back(item)
            raise
        if isinstance(answer, Suppressed):
            await self._intents.suppress(item, answer.reason)
        elif isinstance(answer, Halt):
            self._reason = answer.reason
            self._intents.put_back(item)
        return answer is None

    def _may_go_on(self) -> bool:
        self._reason = self._reason or self._halted()
        return self._stop is None and self._reason is None

    async def _wait_for_room(self) -> bool:
        """Wait for a free place; an open breaker lets one probe pass alone."""
        while self._may_go_on() and len(self._in_flight) >= (
            1 if self._reception.is_open else self._spec.max_in_flight
        ):
            self._has_landed.clear()
            await self._has_landed.wait()
        return self._may_go_on()

    def _due_s(self) -> float:
        """When to get the next request ready."""
        lead_s = 0.0 if self._reception.is_hurried else _LEAD_S
        return self._reception.start_s - lead_s

    async def _wait_until(self, told_s: Callable[[], float]) -> bool:
        """Sleep until a moment, exact to a fraction of a millisecond; False where the push ends first.

        The moment is asked for again and again, because a reply that comes meanwhile may put it off.
        """
        while self._may_go_on():
            now_s, moment_s = self._clock.monotonic_s(), told_s()
            if moment_s <= now_s:
                return True
            ends_s = self._reception.gives_up_at_s
            if ends_s <= now_s or (moment_s >= ends_s and not self._in_flight):
                self._reason = self._reception.given_up
                return False
            if moment_s > now_s + LEASE_S and len(self._intents):
                await self._intents.give_back()
            # The event loop's timer is exact to a millisecond; the rest is waited out in short turns.
            wait_s = min(moment_s - now_s - _SPIN_S, _LONGEST_SLEEP_S)
            await self._clock.sleep(max(wait_s, 0.0))
        return False

    async def _wait_for_work(self) -> bool:
        """Wait for a request in flight or a retry that is due; False when there is neither."""
        if self._in_flight:
            self._has_landed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_landed.wait(), _GLANCE_S)
            return self._may_go_on()
        due_s = await self._intents.next_due_s()
        if due_s is None:
            return False
        due_at_s = self._clock.monotonic_s() + due_s
        return await self._wait_until(lambda: max(due_at_s, self._reception.probe_at_s))

    async def _await_turn(self, flight: _Flight) -> None:
        """Hold a request that is ready to be written until its turn, and begin it.

        Raises:
            PutOffError: its turn has been put off, or the push ends; it goes out at another time, or never.
            LostTargetError: another push took over.
        """
        while self._reception.start_s > self._clock.monotonic_s() or not self._intents.is_confirmed:
            if not self._intents.is_confirmed:
                await self._intents.confirm()
            is_far = self._reception.start_s > self._clock.monotonic_s() + _LONGEST_LEAD_S
            if is_far or not await self._wait_until(lambda: self._reception.start_s):
                raise PutOffError("The request was ready, and its turn has been put off.")
        self._begin(flight)

    def _begin(self, flight: _Flight) -> None:
        flight.began_s = self._clock.monotonic_s()
        self._pacer.note_start(flight.began_s)
        self.requests += 1
        if self._reception.is_hurried:
            flight.is_past_start.set()
            return
        loop = asyncio.get_running_loop()
        # aiohttp writes in the loop's next turn, so that what is called in the turn after it comes later.
        loop.call_soon(loop.call_soon, self._note_written, flight)

    def _note_written(self, flight: _Flight) -> None:
        if not flight.is_past_start.is_set():
            self._pacer.note_written(self._clock.monotonic_s())
        flight.is_past_start.set()

    async def _deliver(self, flight: _Flight) -> None:
        """Send one item, write down what became of it, and do the step after it."""
        try:
            outcome = await self._wire.send(flight.item, lambda: self._await_turn(flight))
        except PutOffError:
            self._intents.put_back(flight.item)
            return
        except RetryableError as error:
            outcome = Outcome("unreachable", reason=str(error), is_receiver_failing=True, is_undoubted=True)
        except SyncPlatformError as error:
            self._stop = self._stop or error
            outcome = Outcome("unauthorized", reason=str(error), is_undoubted=True)
        finally:
            flight.is_past_start.set()
        if outcome.kind == "unauthorized" and self._stop is None:
            self._stop = unauthorized(self._spec, outcome)
        try:
            await self._close(flight, outcome)
        except SyncPlatformError as error:
            self._stop = self._stop or error

    async def _close(self, flight: _Flight, outcome: Outcome) -> None:
        item, ended_s = flight.item, self._clock.monotonic_s()
        if flight.began_s is None:
            # What could not even be tried keeps the pace too: a receiver that is back is not met by a burst.
            self._pacer.note_start(ended_s)
        self._pacer.note_reply(ended_s)
        has_opened = self._reception.note(item.customer_id, outcome, ended_s)
        verdict = verdict_on(
            outcome, item, self._spec, is_open=self._reception.is_open, jitter_s=self._clock.jitter_s
        )
        self._meter.count(verdict.status)
        sent_s = ended_s - (ended_s if flight.began_s is None else flight.began_s)
        await self._settling.settle(settlement_of(item, outcome, verdict, sent_s=sent_s))
        if has_opened:
            await self._outcomes.do(self._outcomes.ledger.forgive_tries)
        if verdict.status == "delivered" and self._after is not None:
            await self._after.run(
                item.customer_id, item.payload.decode(), item.idempotency_key, outcome.status_code
            )

    async def _commit(self, settlements: Sequence[Settlement]) -> None:
        now_s = self._clock.monotonic_s()
        await self._outcomes.do(
            self._outcomes.ledger.settle,
            settlements,
            hold_s=self._pacer.hold_s(now_s, ahead=len(self._intents)),
            since_sent_s=max(0.0, now_s - self._pacer.last_start_s),
            has_after_each=self._after is not None,
        )
        self._intents.note_confirmed(now_s)

    async def _come_to_rest(self) -> None:
        """Let what is in flight end, and take back the intents of what was not sent."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)
        try:
            await self._intents.give_back()
        except SyncPlatformError as error:
            self._stop = self._stop or error
