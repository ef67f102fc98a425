"""The breaker: stops asking a receiver that is down, and tries again with one item at a time.

It tells a receiver that is down from customers that it cannot take: what counts is how many *different*
customers failed in a row, and one that had failed before others were delivered does not count any more.
Else the poison items of a long push, all tried again at its end, would look like an outage, and no one would
be named dead.

Pure but for the clock that it is given; nothing is sent or waited for here.
"""

from dataclasses import dataclass, field

from sync_platform.push.spec import BreakerSpec


@dataclass(slots=True)
class Breaker:
    """Counts customers that failed in a row.

    Attributes:
        spec: when to open, probe and give up.
        failing_since_s: when the streak, or the waiting for a limit, began; None while all is well.
        probe_at_s: when one item may probe an open breaker; None while it is closed.
    """

    spec: BreakerSpec
    failing_since_s: float | None = None
    probe_at_s: float | None = None
    _failing: set[str] = field(default_factory=set)
    _silences: int = 0
    _suspects: set[str] = field(default_factory=set)

    @property
    def streak(self) -> int:
        """Customers that failed since the receiver was last at work, and connections that were not made."""
        return len(self._failing) + self._silences

    @property
    def is_open(self) -> bool:
        """Whether nothing may be sent but a probe."""
        return self.probe_at_s is not None

    def succeed(self) -> bool:
        """Note an answer of a receiver at work; True when this closed an open breaker."""
        was_open = self.is_open
        if not was_open:
            self._suspects |= self._failing
        self._failing.clear()
        self._silences, self.failing_since_s, self.probe_at_s = 0, None, None
        return was_open

    def fail(self, now_s: float, customer_id: str, *, is_silent: bool) -> bool:
        """Note a failure of the receiver; True when it opened the breaker, or kept it open after a probe.

        Args:
            now_s: now.
            customer_id: whose request failed.
            is_silent: no connection could be made, which is nobody's fault but the receiver's.
        """
        if is_silent:
            self._silences += 1
        elif customer_id not in self._suspects:
            self._failing.add(customer_id)
        self.hold(now_s)
        if self.streak < self.spec.failures and not self.is_open:
            return False
        self.probe_at_s = now_s + self.spec.probe_s
        return True

    def hold(self, now_s: float) -> None:
        """Note that the receiver asked to wait: no failure, and no success either."""
        if self.failing_since_s is None:
            self.failing_since_s = now_s
