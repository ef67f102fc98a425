"""The gate: whoever runs a push may be asked, right before each request, whether it may still go out.

Here belong the shapes only. A workflow asks its kill switch and its suppressions here; a plain push has none.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suppressed:
    """This customer is not sent to any more.

    Attributes:
        reason: why; written to the ledger.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing is sent any more; what was not sent stays planned.

    Attributes:
        reason: why the push ends here.
    """

    reason: str


Gate = Callable[[str], Suppressed | Halt | None]
"""Asked with a customer's key, in a thread that may block; None lets the request pass."""
