"""Which records a read has seen: distinct keys a pass, and what a further pass brings new.

Who a record is says `identity`; how many can be kept is the business of `hashes`. Whether the counts prove
anything is decided by `proof`.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import compress

import msgspec
import polars as pl

from sync_platform.pull.hashes import Hashes, count_distinct, known_among, sorted_union
from sync_platform.pull.identity import Identified, Identities, PageRecords
from sync_platform.pull.recent import RecentKeys
from sync_platform.pull.spec import ApiSyncSpec


class SeenRecords:
    """The records that a read has received, pass by pass."""

    def __init__(self, spec: ApiSyncSpec, identities: Identities) -> None:
        self._identities = identities
        self._time_format = spec.incremental.format if spec.incremental is not None else ""
        self._recent: RecentKeys | None = None
        self._keys, self._versions = [Hashes()], [Hashes()]
        self._known: pl.Series | None = None
        self.records_in_pass = 0

    def watch(self, since: datetime) -> None:
        """Keep in mind which records new in this pass changed after a moment; needs a time of change."""
        self._recent = RecentKeys(since, self._identities.inside_change, self._time_format)

    def add(self, records: PageRecords | Sequence[msgspec.Raw]) -> None:
        """Count the records of a page of this pass."""
        found = self._identities.of(records)
        self._keys[-1].add(found.keys)
        self._versions[-1].add(found.versions)
        self._watch(found)
        self.records_in_pass += len(records)

    def _watch(self, found: Identified) -> None:
        """Show the records that are new in this pass to whoever watches for the recent ones."""
        if self._recent is None:
            return
        if len(self._versions) == 1:
            self._recent.add(found.keys, found.changes)
            return
        fresh = [not known for known in self._are_known(found)]
        self._recent.add(list(compress(found.keys, fresh)), list(compress(found.changes, fresh)))

    def vanished(self, lately: PageRecords | Sequence[msgspec.Raw]) -> int:
        """How many of the watched records are none of those that the source says have changed lately."""
        there = frozenset(self._identities.of(lately).keys)
        return 0 if self._recent is None else self._recent.without(there)

    def unseen(self, records: PageRecords | Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
        """The records of a page that no earlier pass has brought in this version."""
        known = self._are_known(self._identities.of(records))
        return [record for record, is_known in zip(records, known, strict=True) if not is_known]

    def versions(self, records: PageRecords | Sequence[msgspec.Raw]) -> frozenset[int]:
        """Which records these are, each in this version."""
        return frozenset(self._identities.of(records).versions)

    def distinct_in_pass(self) -> int:
        """Distinct keys received in this pass."""
        return count_distinct(self._keys[-1:])

    def finish_pass(self) -> None:
        """Join this pass with the earlier ones."""
        self._keys.append(Hashes())
        self._versions.append(Hashes())
        self._known = self._recent = None
        self.records_in_pass = 0

    @property
    def distinct(self) -> int:
        """Distinct keys received over all the finished passes."""
        return count_distinct(self._keys[:-1])

    def _are_known(self, found: Identified) -> list[bool]:
        """Which of them an earlier pass has brought in this version."""
        if self._known is None:
            self._known = sorted_union(self._versions[:-1])
        return known_among(found.versions, self._known)
