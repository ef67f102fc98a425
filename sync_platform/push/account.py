"""The account of a push: where every customer that the source selected has ended.

Here belong the terms, the sum and the status that follows. How a term is counted is the ledger's business.
"""

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["running", "completed", "completed_with_errors", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class Account:
    """Where the customers of one push ended; counts of customers (DESIGN 5).

    Attributes:
        selected: customers that the source returned.
        delivered: taken by the receiver in this push.
        already_delivered: the receiver had their payload before.
        suppressed: not to be sent to any more when their turn came; only where a gate is asked.
        dead: refused, or failed on every try; named in push_deliveries with a reason.
        in_doubt: sent, and nobody knows whether they arrived.
        planned: not sent yet.
    """

    selected: int = 0
    delivered: int = 0
    already_delivered: int = 0
    suppressed: int = 0
    dead: int = 0
    in_doubt: int = 0
    planned: int = 0

    @property
    def accounted(self) -> int:
        """The sum of all the ends that a selected customer can have."""
        sent = self.delivered + self.already_delivered
        return sent + self.suppressed + self.dead + self.in_doubt + self.planned

    @property
    def is_balanced(self) -> bool:
        """Whether every selected customer has ended somewhere."""
        return self.selected == self.accounted

    def terms(self) -> dict[str, int]:
        """Every term by its name, in the order in which it is shown; `suppressed` where there are any."""
        return {name: count for name, count in asdict(self).items() if count or name != "suppressed"}


def status_of(account: Account, *, is_limited: bool, after_each_pending: int = 0) -> Status:
    """Name the worst that applies to a push that came to its end.

    Args:
        account: how it ended.
        is_limited: what is still planned was left by wish (`limit`), not by an obstacle.
        after_each_pending: delivered customers whose step after the item failed.
    """
    if account.planned and not is_limited:
        return "incomplete"
    if account.dead or account.in_doubt or after_each_pending:
        return "completed_with_errors"
    return "completed"
