"""The account of one load: what became of every row that was staged.

Here belongs counting; what is counted stands in `merge_sql`, the course of a load in `upsert`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What became of the rows that were not rejected.

    `staged` = inserted + updated + unchanged + stale + duplicate + deleted.

    Attributes:
        staged: rows handed over, less the rejected ones.
        distinct: distinct keys among the rows that were compared.
        inserted: rows that are new in the target.
        updated: rows whose content changed.
        unchanged: rows that the target had already; nothing was written.
        stale: rows older than what the target has.
        duplicate: rows beside a newer one of the same key in this load.
        deleted: tombstones, also of unknown and of already deleted rows.
    """

    staged: int
    distinct: int
    inserted: int
    updated: int
    unchanged: int
    stale: int
    duplicate: int
    deleted: int


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that Postgres refused; the others were loaded.

    Attributes:
        place: what it was staged with, see `staging`.
        key: its key, or None where it has none.
        reason: the error's name, SQLSTATE, and constraint or column; never a value.
    """

    place: int
    key: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The outcome of one load, committed; `deactivated` are known rows that it did not bring."""

    counts: LoadCounts
    rejected: tuple[RejectedRow, ...]
    deactivated: int = 0


@dataclass(slots=True)
class Tally:
    """What a load has counted so far.

    Attributes:
        known: rows that the target had already, found before they were staged.
        verdicts: how many rows have each verdict of `merge_sql`.
    """

    known: int = 0
    staged: int = 0
    distinct: int = 0
    duplicate: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    deactivated: int = 0

    def result(self) -> LoadResult:
        """Return the account of every staged row."""
        judged = sum(self.verdicts.values())
        counts = LoadCounts(
            staged=self.known + self.staged,
            distinct=self.known + self.distinct,
            inserted=self.verdicts.get("insert", 0),
            updated=self.verdicts.get("update", 0),
            unchanged=self.known + self.staged - self.duplicate - judged,
            stale=self.verdicts.get("stale", 0),
            duplicate=self.duplicate,
            deleted=self.verdicts.get("deleted", 0) + self.verdicts.get("tombstone", 0),
        )
        return LoadResult(counts, tuple(self.rejected), self.deactivated)
