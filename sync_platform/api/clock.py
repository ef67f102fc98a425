"""Time as this room sees it: one value that tells it, waits and rolls the dice, so that tests can own it.

Nothing in this room calls `time`, `asyncio.sleep` or `random` by itself.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _full_jitter(ceiling_s: float) -> float:
    return random.uniform(0, ceiling_s)  # noqa: S311 - spreads retries, protects nothing


@dataclass(frozen=True, slots=True)
class Clock:
    """What the client needs of time.

    Attributes:
        now: the wall clock, aware and UTC; compared with dates that servers send.
        monotonic_s: seconds that never go back; measures and paces.
        sleep: waits that many seconds.
        jitter_s: a wait between 0 and the given ceiling, in seconds ("full jitter").
    """

    now: Callable[[], datetime] = _utc_now
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter_s: Callable[[float], float] = _full_jitter


SYSTEM_CLOCK = Clock()
