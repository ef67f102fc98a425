"""The reception: how the receiver takes what is sent, and when it may be asked next.

Here pace and breaker learn from each outcome. Pure but for the line that it logs; nothing is sent or waited
for here.
"""

from collections.abc import Callable

from sync_platform.push.breaker import Breaker
from sync_platform.push.outcome import Outcome
from sync_platform.push.pace import Pacer
from sync_platform.push.spec import BreakerSpec


class Reception:
    """What is known of one receiver.

    Args:
        spec: when to stop asking.
        pacer: with the wait that an earlier push left.
        log: tells a person one line.
    """

    def __init__(self, spec: BreakerSpec, pacer: Pacer, log: Callable[[str], None]) -> None:
        self._spec = spec
        self._pacer = pacer
        self._breaker = Breaker(spec)
        self._log = log
        self._last_failure = ""

    @property
    def is_open(self) -> bool:
        """Whether nothing may be sent but a probe."""
        return self._breaker.is_open

    @property
    def is_doubtful(self) -> bool:
        """Whether the last failure may be the receiver's own, so that another customer should tell.

        Trying the same one again and again would make single customers dead in an outage, before enough of
        them have failed to open the breaker.
        """
        return self._breaker.streak > 0 and not self._breaker.is_open

    @property
    def is_hurried(self) -> bool:
        """Whether requests go out as fast as they can: no gap to keep, nobody in doubt about the receiver."""
        return not self._pacer.is_paced and not self._breaker.is_open

    @property
    def probe_at_s(self) -> float:
        """When an open breaker lets one item probe; minus infinity while it is closed."""
        return float("-inf") if self._breaker.probe_at_s is None else self._breaker.probe_at_s

    @property
    def start_s(self) -> float:
        """When the next request may start: pace, pauses and breaker together."""
        return max(self._pacer.next_start_s(), self.probe_at_s)

    @property
    def gives_up_at_s(self) -> float:
        """When the push ends, because the receiver has taken nothing for too long."""
        since_s = self._breaker.failing_since_s
        return float("inf") if since_s is None else since_s + self._spec.give_up_s

    @property
    def given_up(self) -> str:
        """Why the push ends then."""
        return (
            f"the receiver has taken nothing for {self._spec.give_up_s:g} s (breaker.give_up_s), "
            f"last: {self._last_failure or 'it asked to wait'}; the rest stays planned, push again later"
        )

    def note(self, customer_id: str, outcome: Outcome, now_s: float) -> bool:
        """Let pace and breaker learn from an outcome; True when the breaker has just opened."""
        self._last_failure = outcome.reason or self._last_failure
        self._note_pace(outcome, now_s)
        if outcome.kind == "slow_down":
            self._breaker.hold(now_s)
        elif outcome.is_receiver_failing:
            return self._note_failure(customer_id, outcome, now_s)
        elif outcome.kind != "unauthorized" and self._breaker.succeed():
            self._log("the receiver answers again; going on")
        return False

    def _note_pace(self, outcome: Outcome, now_s: float) -> None:
        if outcome.kind == "delivered":
            self._pacer.note_delivery()
            if outcome.pause_s is not None:
                self._pacer.pause(now_s, outcome.pause_s)
        elif outcome.pause_s is not None or outcome.kind == "slow_down":
            self._pacer.slow_down(now_s, outcome.pause_s)

    def _note_failure(self, customer_id: str, outcome: Outcome, now_s: float) -> bool:
        was_open = self._breaker.is_open
        is_open = self._breaker.fail(now_s, customer_id, is_silent=outcome.kind == "unreachable")
        if was_open or not is_open:
            return False
        self._log(
            f"{self._breaker.streak} customers in a row failed, last: {outcome.reason}; waiting "
            f"{self._spec.probe_s:g} s before one item probes"
        )
        return True
