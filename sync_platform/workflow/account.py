"""The account of a bulk send: where everybody of its audience has ended.

Here belong the terms and their sum; how they are counted is the ledger's business.
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class AudienceAccount:
    """Where the customers of one audience ended; counts of customers.

    Attributes:
        audience: customers that were selected when the audience was frozen.
        notified: taken by the receiver.
        suppressed: not to be sent to any more when their turn came; the ledger has the reason.
        dead: refused, or failed on every try.
        in_doubt: sent, and nobody knows whether they arrived.
        planned: not sent yet.
    """

    audience: int = 0
    notified: int = 0
    suppressed: int = 0
    dead: int = 0
    in_doubt: int = 0
    planned: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether everybody of the audience has ended somewhere."""
        ends = (self.notified, self.suppressed, self.dead, self.in_doubt, self.planned)
        return self.audience == sum(ends)

    def terms(self) -> dict[str, int]:
        """Every term by its name, in the order in which it is shown."""
        return asdict(self)
