"""A question that a writer asks inside its transaction, just before the COMMIT: may I still write?

Here belongs only its shape. A run whose lock was lost with its connection may not know it; what it asks, and
who answers for it, is the engines' business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fence:
    """Whoever asks and gets no row must roll back.

    Attributes:
        query: returns a row, and locks it, as long as the writer may write; its parameters are `$1`, `$2`
        values: of the parameters.
        refusal: what to tell a person when no row comes.
    """

    query: str
    values: tuple[object, ...]
    refusal: str
