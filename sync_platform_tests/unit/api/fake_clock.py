"""A clock that tests own: sleeping moves it on at once, and every sleep is written down."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sync_platform.api.clock import Clock

STARTED_AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """`jitter` is the share of the ceiling that a random wait takes."""

    elapsed_s: float = 0.0
    jitter: float = 1.0
    sleeps_s: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(
            now=lambda: STARTED_AT + timedelta(seconds=self.elapsed_s),
            monotonic_s=lambda: self.elapsed_s,
            sleep=self._sleep,
            jitter_s=lambda ceiling_s: ceiling_s * self.jitter,
        )

    async def _sleep(self, seconds: float) -> None:
        self.sleeps_s.append(seconds)
        wakes_at_s = self.elapsed_s + seconds
        await asyncio.sleep(0)
        self.elapsed_s = max(self.elapsed_s, wakes_at_s)
