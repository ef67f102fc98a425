"""The gate that all readers of one API share: its rate limit, and the pauses it asks for.

Here belong counting and waiting. Whether an answer means "too fast" is classified in `failures`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime

from sync_platform.api.clock import SYSTEM_CLOCK, Clock
from sync_platform.api.failures import WaitedTooLongError, reply_date
from sync_platform.api.spec import RateLimitSpec


class RequestGate:
    """Lets requests through, first come first served, no faster than the API allows.

    In any `per_s` seconds at most `max_requests` pass. A place becomes free `per_s` after its *reply*, not
    after its start: the server counts when a request reaches it, which lies between the two, so that a
    slow connection can never push two windows' requests into one. (A token or leaky bucket lets nearly
    twice the limit into the first window.)
    """

    def __init__(self, limit: RateLimitSpec, clock: Clock = SYSTEM_CLOCK) -> None:
        self._limit = limit
        self._clock = clock
        self._in_flight = asyncio.Semaphore(limit.max_in_flight) if limit.max_in_flight else None
        self._places = _free_places(limit.max_requests) if limit.max_requests else None
        self._pause_ends_s = float("-inf")
        self._waited_s = 0.0

    @property
    def waited_s(self) -> float:
        """Seconds that pauses have cost so far; pauses of several readers at the same time count once."""
        return self._waited_s

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for this request's turn, and hold its place until the reply has come."""
        is_limited = self._in_flight is not None or self._places is not None
        return self._turn() if is_limited or self._pause_ends_s > self._clock.monotonic_s() else nullcontext()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        place = nullcontext() if self._places is None else self._place(self._places)
        async with self._in_flight or nullcontext(), place:
            await self._sleep_until(self._pause_ends_s)
            yield

    def slow_down(self, wait_s: float) -> None:
        """Let nobody through for the next `wait_s` seconds.

        Raises:
            WaitedTooLongError: all pauses together would pass max_waiting_s; retryable, in a later sync.
        """
        now_s = self._clock.monotonic_s()
        added_s = max(0.0, now_s + wait_s - max(now_s, self._pause_ends_s))
        if self._waited_s + added_s > self._limit.max_waiting_s:
            raise WaitedTooLongError(
                f"the API's rate limit would make this sync wait over {self._limit.max_waiting_s:g} s "
                "in all (rate_limit.max_waiting_s); lower rate_limit.max_requests, or sync later",
                retry_after_s=wait_s,
            )
        self._waited_s += added_s
        self._pause_ends_s = max(self._pause_ends_s, now_s + wait_s)

    @asynccontextmanager
    async def _place(self, places: "asyncio.Queue[float]") -> AsyncIterator[None]:
        free_at_s = await places.get()
        try:
            await self._sleep_until(free_at_s)
            # Until here the place was not used, so a cancelled wait gives it back as it was.
            free_at_s = float("inf")
            yield
        finally:
            per_s = self._limit.per_s or 0.0
            places.put_nowait(min(free_at_s, self._clock.monotonic_s() + per_s))

    async def _sleep_until(self, moment_s: float) -> None:
        # A pause can be prolonged while we sleep, hence the loop.
        while (wait_s := max(moment_s, self._pause_ends_s) - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(wait_s)


def _free_places(count: int) -> "asyncio.Queue[float]":
    places: asyncio.Queue[float] = asyncio.Queue()
    for _ in range(count):
        places.put_nowait(float("-inf"))
    return places


def reset_wait_s(headers: Mapping[str, str], limit: RateLimitSpec, now: datetime) -> float | None:
    """Return the seconds until the limit ends by the API's own header, or None where it is absent or garbage.

    Moments count from the reply's own Date where it has one, else from `now`; the past is 0.
    """
    text = headers.get(limit.reset_header, "").strip() if limit.reset_header else ""
    if not text:
        return None
    try:
        if limit.reset_format == "seconds":
            return _finite(max(0.0, float(text)))
        ends_at = _moment(text, limit.reset_format)
        return max(0.0, (ends_at - (reply_date(headers) or now)).total_seconds())
    except (ValueError, OverflowError, OSError):
        return None


def _finite(seconds: float) -> float | None:
    return seconds if seconds < float("inf") else None


def _moment(text: str, reset_format: str) -> datetime:
    if reset_format == "epoch_s":
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
