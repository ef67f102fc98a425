"""The pace: when the next request may start, exact to a few per cent, and slower where the receiver asks.

Here belongs the arithmetic, on a clock of the caller's. That the pace holds across restarts is the ledger's
work: it keeps `hold_s` by the database's clock.
"""

from dataclasses import dataclass, field

from sync_platform.push.spec import PaceSpec

DEFAULT_WAIT_S = 4.0
"""Seed 000, step 5: after each request, wait for 4 seconds."""

_CLAIM_AHEAD_S = 0.25
_FIRST_PENALTY_S = 0.02
_LONGEST_PENALTY_S = 30.0
_MARGIN_SHARE, _LONGEST_MARGIN_S = 0.01, 0.001
"""What is added to each gap, so that a request that arrives a little late does not make the next gap too
short at the receiver."""
_PENALTY_DECAY = 0.8
_FORGOTTEN_PENALTY_S = 0.002


@dataclass(slots=True)
class Pacer:
    """Tells when the next request may start.

    With `wait_s` a request starts that long after the last reply and the last start; with
    `max_requests_per_s` the starts are spaced by a virtual clock (GCRA), `burst` of them may start at once
    after a quiet time. "Too fast" from the receiver stops everybody until it says, and adds a gap
    that doubles each time and melts with each delivery.

    Attributes:
        spec: the YAML's pace.
        not_before_s: no request starts before, whatever the pace.
    """

    spec: PaceSpec
    not_before_s: float = float("-inf")
    _last_start_s: float = field(default=float("-inf"))
    _last_reply_s: float = field(default=float("-inf"))
    _virtual_s: float = field(default=float("-inf"))
    _penalty_s: float = field(default=0.0)
    _penalty_start_s: float = field(default=float("-inf"))

    @property
    def gap_s(self) -> float:
        """Seconds between two requests as the YAML asks for it; 0 is unpaced."""
        if self.spec.max_requests_per_s is not None:
            return 1 / self.spec.max_requests_per_s
        return DEFAULT_WAIT_S if self.spec.wait_s is None else self.spec.wait_s

    @property
    def _margin_s(self) -> float:
        return min(self.gap_s * _MARGIN_SHARE, _LONGEST_MARGIN_S)

    @property
    def is_paced(self) -> bool:
        """Whether there is a gap to keep."""
        return self.gap_s > 0

    @property
    def last_start_s(self) -> float:
        """When the last request started; minus infinity before the first."""
        return self._last_start_s

    @property
    def _burst(self) -> int:
        return self.spec.burst or 1

    def claim_size(self, *, most: int) -> int:
        """Tell how many intents to commit ahead: a quarter of a second of sending, at most `most`."""
        if not self.is_paced:
            return most
        return max(1, min(most, int(_CLAIM_AHEAD_S / self.gap_s)))

    def next_start_s(self) -> float:
        """Tell when the next request may start, on the clock of the notes."""
        if self.spec.max_requests_per_s is not None:
            paced_s = self._virtual_s - (self._burst - 1) * self.gap_s
        else:
            paced_s = max(self._last_start_s, self._last_reply_s) + self.gap_s
        return max(paced_s + self._margin_s, self.not_before_s, self._last_start_s + self._penalty_s)

    def note_start(self, now_s: float) -> None:
        """Note that a request starts."""
        self._last_start_s = now_s
        self._virtual_s = max(self._virtual_s, now_s) + self.gap_s

    def note_written(self, now_s: float) -> None:
        """Note that the request that started last is on its way only now; the next gap counts from here."""
        self._virtual_s += now_s - self._last_start_s
        self._last_start_s = now_s

    def note_reply(self, now_s: float) -> None:
        """Note that a reply has come, or that none will."""
        self._last_reply_s = now_s

    def note_delivery(self) -> None:
        """Speed up again, step by step."""
        self._penalty_s *= _PENALTY_DECAY
        if self._penalty_s < _FORGOTTEN_PENALTY_S:
            self._penalty_s = 0.0

    def slow_down(self, now_s: float, wait_s: float | None) -> None:
        """Stop everybody for `wait_s` seconds, and keep a larger gap from then on.

        Without `wait_s` the receiver did not say how long, and the gap alone grows. Answers to requests
        that started before the last slowing down do not slow down again.
        """
        if self._penalty_start_s < self._last_start_s:
            self._penalty_start_s = now_s
            grown_s = max(self._penalty_s * 2, self.gap_s * 2, _FIRST_PENALTY_S)
            self._penalty_s = min(grown_s, max(_LONGEST_PENALTY_S, self.gap_s * 2))
        pause_s = self._penalty_s if wait_s is None else wait_s
        self.not_before_s = max(self.not_before_s, now_s + pause_s)

    def pause(self, now_s: float, wait_s: float) -> None:
        """Stop everybody for a while, because the receiver's limit is used up; the pace stays."""
        self.not_before_s = max(self.not_before_s, now_s + wait_s)

    def hold_s(self, now_s: float, *, ahead: int = 0) -> float:
        """Tell for how long another process must not send, counted from now.

        Args:
            now_s: now.
            ahead: requests whose intent is committed and that have not started yet.
        """
        if not self.is_paced and self.not_before_s <= now_s:
            return 0.0
        if self.spec.max_requests_per_s is not None:
            # A later process knows nothing of what is left of the burst, so it begins with none.
            free_s = max(self._virtual_s, now_s if ahead else float("-inf")) + ahead * self.gap_s
        else:
            free_s = (
                max(self._last_start_s, self._last_reply_s, now_s if ahead else float("-inf")) + self.gap_s
            )
        return max(0.0, free_s - now_s, self.not_before_s - now_s)
