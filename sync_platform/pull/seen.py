"""Which records a read has seen: distinct keys a pass, and what a further pass brings new.

A record stands here as a 64-bit hash of its JSON, for this process only; how many hashes can be kept is the
business of `hashes`. Whether the counts prove anything is decided by `proof`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from sync_platform.api.json_path import JsonPath
from sync_platform.pull.hashes import Hashes, count_distinct, known_among, sorted_union
from sync_platform.pull.lineage import key_roots
from sync_platform.pull.recent import RecentKeys
from sync_platform.pull.spec import ApiSyncSpec

_ABSENT = msgspec.Raw(b"")
_NO_KEY = (b"", b"null")
_Identity = tuple[tuple[bytes, ...], bytes]


class SeenRecords:
    """The records that a read has received, pass by pass."""

    def __init__(self, spec: ApiSyncSpec) -> None:
        fields = spec.field_specs
        key_members = [
            str(fields[root].path.steps[0]) if root in fields else root for root in key_roots(spec)
        ]
        cursor = spec.cursor_path
        cursor_member = None if cursor is None else str(cursor.steps[0])
        members = dict.fromkeys((*key_members, *([cursor_member] if cursor_member else [])))
        self._attributes = {f"m{number}": member for number, member in enumerate(members)}
        self._cursor_place = None if cursor_member is None else list(members).index(cursor_member)
        self._inside_cursor = JsonPath(() if cursor is None else cursor.steps[1:])
        self._time_format = spec.incremental.format if spec.incremental is not None else ""
        self._recent: RecentKeys | None = None
        self._key_width = len(set(key_members))
        identity = msgspec.defstruct(
            "Identity",
            [(attribute, msgspec.Raw, _ABSENT) for attribute in self._attributes],
            rename=self._attributes,
            gc=False,
        )
        self._one = msgspec.json.Decoder(identity)
        self._page = msgspec.json.Decoder(list[identity])  # type: ignore[valid-type]  # built at run time
        self._nothing = identity()
        self._keys, self._versions = [Hashes()], [Hashes()]
        self._known: pl.Series | None = None
        self.records_in_pass = 0

    def watch(self, since: datetime) -> None:
        """Keep in mind which records new in this pass changed after a moment; needs a time of change."""
        self._recent = RecentKeys(since, self._inside_cursor, self._time_format)

    def add(self, records: Sequence[msgspec.Raw]) -> None:
        """Count the records of a page of this pass."""
        found = self._identify(records)
        keys = [hash(key) for key, _ in found]
        self._keys[-1].add(keys)
        self._versions[-1].add([hash(identity) for identity in found])
        if self._recent is not None:
            is_known = self._are_known(found)
            fresh = [place for place, known in enumerate(is_known) if not known]
            self._recent.add([keys[place] for place in fresh], [found[place][1] for place in fresh])
        self.records_in_pass += len(records)

    def vanished(self, lately: Sequence[msgspec.Raw]) -> int:
        """How many of the watched records are none of those that the source says have changed lately."""
        there = frozenset(hash(key) for key, _ in self._identify(lately))
        return 0 if self._recent is None else self._recent.without(there)

    def unseen(self, records: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
        """The records of a page that no earlier pass has brought in this version."""
        known = self._are_known(self._identify(records))
        return [record for record, is_known in zip(records, known, strict=True) if not is_known]

    def versions(self, records: Sequence[msgspec.Raw]) -> frozenset[int]:
        """Which records these are, each in this version."""
        return frozenset(hash(identity) for identity in self._identify(records))

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

    def _are_known(self, found: Sequence[_Identity]) -> list[bool]:
        """Which of them an earlier pass has brought in this version."""
        if self._known is None:
            self._known = sorted_union(self._versions[:-1])
        return known_among([hash(identity) for identity in found], self._known)

    def _identify(self, records: Sequence[msgspec.Raw]) -> list[_Identity]:
        """Each record's key and version; one without a readable key is its own bytes."""
        found = self._decoded(records)
        columns = [[bytes(getattr(one, attribute)) for one in found] for attribute in self._attributes]
        keys = list(zip(*columns[: self._key_width], strict=True))
        place = self._cursor_place
        versions = [bytes(record) for record in records] if place is None else columns[place]
        if any(value in column for column in columns[: self._key_width] for value in _NO_KEY):
            has_key = [not any(value in key for value in _NO_KEY) for key in keys]
            own = [(bytes(record),) for record in records]
            keys = [key if has else alone for key, alone, has in zip(keys, own, has_key, strict=True)]
            versions = [version if has else b"" for version, has in zip(versions, has_key, strict=True)]
        return list(zip(keys, versions, strict=True))

    def _decoded(self, records: Sequence[msgspec.Raw]) -> list[Any]:
        """The members that matter of each record; none of them where it cannot be read."""
        try:
            return self._page.decode(b"[" + b",".join(records) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._decoded_alone(record) for record in records]

    def _decoded_alone(self, record: msgspec.Raw) -> Any:
        try:
            return self._one.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._nothing
