"""The policy: what an outcome makes of its item, by YAML and by the state of the receiver.

Pure; `send` does what is decided here, `outcome` judged what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sync_platform.push.items import Item
from sync_platform.push.outcome import Outcome
from sync_platform.push.spec import ApiPushSpec

_LONGEST_BACKOFF_S = 300.0
_MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an item.

    Attributes:
        status: of its ledger row.
        retry_s: seconds until it is tried again in this push, or None: not in this push.
        is_untried: the try does not count.
    """

    status: str
    retry_s: float | None = None
    is_untried: bool = False


def verdict_on(
    outcome: Outcome, item: Item, spec: ApiPushSpec, *, is_open: bool, jitter_s: Callable[[float], float]
) -> Verdict:
    """Decide what becomes of an item.

    Args:
        outcome: of its last request.
        item: with its tries so far.
        spec: retries and the in-doubt policy.
        is_open: the breaker is open: the fault is the receiver's, so that nobody dies of it.
        jitter_s: a random wait between 0 and a ceiling in seconds.
    """
    waiting = "in_doubt" if item.was_in_doubt else "planned"
    backoff_s = _backoff_s(item.tries, spec.retries.delay_s, jitter_s)
    is_last = item.tries > spec.retries.count
    settled = {
        "delivered": Verdict("delivered"),
        "refused": Verdict("dead"),
        "unauthorized": Verdict(waiting, is_untried=True),
        "renewed": Verdict(waiting, 0.0, is_untried=True),
        "unreachable": Verdict(waiting, backoff_s, is_untried=True),
        "slow_down": Verdict(waiting, 0.0, is_untried=True),
    }
    if outcome.kind in settled:
        return settled[outcome.kind]
    is_in_doubt = outcome.kind == "in_doubt"
    if is_in_doubt and spec.in_doubt == "park":
        return Verdict("in_doubt")
    if is_last and not is_open:
        return Verdict("in_doubt" if is_in_doubt else "dead")
    return Verdict("in_doubt" if is_in_doubt else waiting, backoff_s, is_untried=is_open)


def claimable(spec: ApiPushSpec) -> tuple[str, ...]:
    """Tell which rows a push may send: what is in doubt only where the policy is to resend."""
    return ("planned", "in_doubt") if spec.in_doubt == "resend" else ("planned",)


def _backoff_s(tries: int, delay_s: float, jitter_s: Callable[[float], float]) -> float:
    ceiling_s = delay_s * 2.0 ** min(max(tries, 1) - 1, _MOST_DOUBLINGS)
    return jitter_s(min(ceiling_s, _LONGEST_BACKOFF_S))
