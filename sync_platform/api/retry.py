"""The retry policy as a pure decision: after this failure, wait how long, or give up.

Here belongs only arithmetic; the waiting is done by the client, the classifying in `failures`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sync_platform.api.failures import Failure
from sync_platform.api.spec import RetrySpec

_FIRST_LIMITED_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long the client tries again.

    Attributes:
        spec: count and base of the backoff.
        max_retry_after_s: the longest Retry-After that is waited for here; beyond it the page is queued.
        limited_wait_s: `rate_limit.wait_s`: the wait for a limit that says nothing about its end.
        jitter_s: a random wait between 0 and a ceiling in seconds.
    """

    spec: RetrySpec
    max_retry_after_s: float
    limited_wait_s: float | None
    jitter_s: Callable[[float], float]

    def wait_s(
        self, failure: Failure, *, failed_tries: int, limited_answers: int, reset_wait_s: float | None = None
    ) -> float | None:
        """Return the seconds to wait before the next try, or None to give up.

        Args:
            failure: of the last try.
            failed_tries: how many tries of this request have failed, the last one included.
            limited_answers: how many answers to this request said "too fast", the last one included; these
                are not failed tries.
            reset_wait_s: what the API's own reset header asks for.
        """
        asked_s = failure.retry_after_s
        if failure.kind in ("permanent", "unauthorized") or (asked_s or 0) > self.max_retry_after_s:
            return None
        if failure.kind == "rate_limited":
            stated_s = (
                (reset_wait_s if reset_wait_s is not None else self.limited_wait_s)
                if asked_s is None
                else asked_s
            )
            wait_s = self._backoff_s(limited_answers) if stated_s is None else stated_s
            # An API that says "too fast, wait 0 s" for ever would be asked in a tight loop.
            return max(
                wait_s,
                min(_FIRST_LIMITED_WAIT_S * 2.0 ** min(limited_answers - 1, 30), self.max_retry_after_s),
            )
        if failed_tries > self.spec.count:
            return None
        return self._backoff_s(failed_tries) if asked_s is None else asked_s

    def _backoff_s(self, nth: int) -> float:
        # Full jitter keeps readers that failed together from coming back together.
        ceiling_s = self.spec.delay_s * 2.0 ** min(nth - 1, 30)
        return self.jitter_s(min(ceiling_s, max(self.max_retry_after_s, self.spec.delay_s)))
