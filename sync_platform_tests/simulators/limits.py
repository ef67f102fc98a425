"""Limits as the simulated APIs count them."""

import time
from dataclasses import dataclass, field


@dataclass
class RateWindow:
    """At most `most` requests in any `per_s` seconds."""

    most: int
    per_s: float
    _at_s: list[float] = field(default_factory=list)

    def is_exceeded(self) -> bool:
        """Count a request, and say whether it is one too many."""
        now_s = time.monotonic()
        self._at_s = [at_s for at_s in self._at_s if now_s - at_s < self.per_s]
        self._at_s.append(now_s)
        return len(self._at_s) > self.most
