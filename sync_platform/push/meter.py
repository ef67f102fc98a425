"""The meter: counts what a push does, for those who watch; nothing is decided by it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sync_platform.push.progress import PushProgress, post

_EVERY_S = 0.25
_WINDOW_S = 30.0


@dataclass(slots=True)
class Meter:
    """Counts deliveries and deaths, and posts progress a few times a second.

    Attributes:
        target: the push's name.
        total: customers to send.
        now_s: the clock.
    """

    target: str
    total: int
    now_s: Callable[[], float] = time.monotonic
    sent: int = 0
    failed: int = 0
    _posted_s: float = float("-inf")
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def count(self, status: str) -> None:
        """Count what an item became; what will be tried again counts as nothing."""
        self.sent += status == "delivered"
        self.failed += status == "dead"
        if self.now_s() - self._posted_s >= _EVERY_S:
            self.tell()

    def tell(self, *, is_last: bool = False) -> None:
        """Post how far the push has come."""
        self._posted_s = now_s = self.now_s()
        self._marks.append((now_s, self.sent))
        while len(self._marks) > 2 and now_s - self._marks[0][0] > _WINDOW_S:  # noqa: PLR2004 - two make a rate
            self._marks.popleft()
        rate_per_s = self.rate_per_s()
        left = max(0, self.total - self.sent - self.failed)
        post(
            PushProgress(
                target=self.target,
                total=self.total,
                sent=self.sent,
                failed=self.failed,
                rate_per_s=rate_per_s,
                left_s=left / rate_per_s if rate_per_s else None,
                is_last=is_last,
            )
        )

    def rate_per_s(self) -> float:
        """Deliveries a second over the last while; 0 before there are any."""
        (first_s, first), (last_s, last) = (
            (self._marks[0], self._marks[-1]) if self._marks else ((0, 0), (0, 0))
        )
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0
