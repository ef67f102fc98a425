"""The account of a sync: where every record that the source said exists has ended.

Here belong the terms and the sum. How a term is counted belongs to the step that counts it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal

Status = Literal["running", "completed", "completed_with_errors", "unproven", "failed"]
Proof = Literal["total", "end_signal", "none"]


@dataclass(frozen=True, slots=True)
class Account:
    """Where the records of one sync ended; counts of records (DESIGN 4.7).

    Attributes:
        seen: records received, each once (what a further pass repeats is not seen again).
        inserted: rows new in the table.
        updated: rows whose content changed.
        unchanged: records that the table already held, equal.
        stale: records older than the row that the table holds.
        duplicate: older versions of a record that the same sync brought again.
        outside_window: records changed outside the window that was asked for.
        deleted: tombstones.
        quarantined: records that broke the contract, named in sync_quarantine.
        queued: received records that could not be written, named in sync_retry_queue.
        pages_queued: pages that could not be read, named in sync_retry_queue; not part of the sum.
        rows_queued_estimate: about how many records these pages hold; not part of the sum.
        expected: the total that the source named, or None; not part of the sum.
        distinct: distinct keys received; not part of the sum.
        deactivated: known rows that a proven full sync did not bring; not part of the sum.
    """

    seen: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    duplicate: int = 0
    outside_window: int = 0
    deleted: int = 0
    quarantined: int = 0
    queued: int = 0
    pages_queued: int = 0
    rows_queued_estimate: int = 0
    expected: int | None = None
    distinct: int = 0
    deactivated: int = 0

    @property
    def accounted(self) -> int:
        """The sum of all the ends that a seen record can have."""
        return (
            self.inserted
            + self.updated
            + self.unchanged
            + self.stale
            + self.duplicate
            + self.outside_window
            + self.deleted
            + self.quarantined
            + self.queued
        )

    @property
    def is_balanced(self) -> bool:
        """Whether every seen record has ended somewhere."""
        return self.seen == self.accounted

    @property
    def records_processed(self) -> int:
        """The seed's `records_processed`: records that the table now holds."""
        return self.inserted + self.updated + self.unchanged

    def terms(self) -> dict[str, int | None]:
        """Every term by its name, in the order in which it is shown."""
        return asdict(self)


def summed(accounts: Iterable[Account]) -> Account:
    """Add accounts term by term; what sources named as their totals is not added."""
    terms = [account.terms() for account in accounts]
    totals = {name: sum(each[name] or 0 for each in terms) for name in Account().terms()}
    return replace(Account(**totals), expected=None)


def status_of(account: Account, *, proof: Proof, errors: int) -> Status:
    """Name the worst that applies to a sync that came to its end."""
    if errors or account.pages_queued or account.queued or account.quarantined:
        return "completed_with_errors"
    return "unproven" if proof == "none" else "completed"
