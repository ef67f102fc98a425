"""The gate, with a clock of its own: windows, pauses, cancelled waits, and the reset header's formats."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from sync_platform.api.failures import WaitedTooLongError
from sync_platform.api.limits import RequestGate, reset_wait_s
from sync_platform.api.spec import RateLimitSpec
from sync_platform_tests.unit.api.fake_clock import STARTED_AT, FakeClock


def starts_of(gate: RequestGate, clock: FakeClock, count: int) -> list[float]:
    async def read() -> list[float]:
        starts: list[float] = []

        async def one() -> None:
            async with gate.turn():
                starts.append(clock.elapsed_s)

        await asyncio.gather(*(one() for _ in range(count)))
        return starts

    return asyncio.run(read())


def test_a_window_holds_max_requests_and_no_burst_more() -> None:
    clock = FakeClock()
    gate = RequestGate(RateLimitSpec(max_requests=3, per_s=10), clock.clock())
    assert starts_of(gate, clock, 7) == [0, 0, 0, 10, 10, 10, 20]
    assert gate.waited_s == 0


def test_without_a_limit_nobody_waits() -> None:
    clock = FakeClock()
    assert starts_of(RequestGate(RateLimitSpec(), clock.clock()), clock, 50) == [0] * 50


def test_a_cancelled_wait_gives_its_place_back() -> None:
    clock = FakeClock()
    gate = RequestGate(RateLimitSpec(max_requests=1, per_s=10), clock.clock())

    async def read() -> None:
        async with gate.turn():
            waiting = asyncio.create_task(gate.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
        async with gate.turn():
            assert clock.elapsed_s == 10

    asyncio.run(read())


def test_pauses_that_overlap_count_once_and_end_with_the_last() -> None:
    clock = FakeClock()
    gate = RequestGate(RateLimitSpec(), clock.clock())
    gate.slow_down(10)
    gate.slow_down(4)
    gate.slow_down(12)
    assert gate.waited_s == 12
    assert starts_of(gate, clock, 2) == [12, 12]


def test_pauses_give_up_after_max_waiting_s_in_all() -> None:
    clock = FakeClock()
    gate = RequestGate(RateLimitSpec(max_waiting_s=30), clock.clock())
    gate.slow_down(20)
    clock.elapsed_s = 100
    with pytest.raises(WaitedTooLongError) as raised:
        gate.slow_down(11)
    assert raised.value.retry_after_s == 11
    gate.slow_down(10)


@pytest.mark.parametrize(
    ("reset_format", "value", "date", "seconds"),
    [
        ("epoch_s", str(int(STARTED_AT.timestamp()) + 30), None, 30),
        ("epoch_s", str(int(STARTED_AT.timestamp()) + 30), "Wed, 01 May 2024 12:00:20 GMT", 10),
        ("epoch_s", "0", None, 0),
        ("epoch_s", "1e400", None, None),
        ("seconds", "30", None, 30),
        ("seconds", "0.5", None, 0.5),
        ("seconds", "-1", None, 0),
        ("seconds", "inf", None, None),
        ("seconds", "soon", None, None),
        ("iso8601", "2024-05-01T12:00:30Z", None, 30),
        ("iso8601", "2024-05-01T14:00:30+02:00", None, 30),
        ("iso8601", "2024-05-01T12:00:30", None, 30),
        ("iso8601", "tomorrow", None, None),
        ("iso8601", "", None, None),
    ],
)
def test_the_reset_header_is_read_in_three_formats(
    reset_format: str, value: str, date: str | None, seconds: float | None
) -> None:
    limit = RateLimitSpec.model_validate({"reset_header": "X-RateLimit-Reset", "reset_format": reset_format})
    headers = httpx.Headers({"x-ratelimit-reset": value, **({"Date": date} if date else {})})
    assert reset_wait_s(headers, limit, STARTED_AT) == seconds
    assert reset_wait_s(httpx.Headers(), limit, STARTED_AT + timedelta(days=1)) is None
