"""Which records a read has seen: counts of distinct keys, in eight bytes a record.

Keys stand here as 64-bit hashes of their JSON, in this process only. Whether the counts prove anything
is decided by `proof`.
"""

from array import array
from collections.abc import Sequence

import msgspec
import polars as pl
import pyarrow as pa

from sync_platform.pull.lineage import key_roots
from sync_platform.pull.spec import ApiSyncSpec

_EMPTY = pl.Series("hash", [], dtype=pl.Int64)


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
        attributes = {f"m{number}": member for number, member in enumerate(members)}
        self._has_cursor = cursor is not None
        self._key_width = len(set(key_members))
        self._decoder = msgspec.json.Decoder(
            msgspec.defstruct(
                "Identity",
                [(attribute, msgspec.Raw, msgspec.Raw(b"")) for attribute in attributes],
                rename=attributes,
                gc=False,
            )
        )
        self._all_keys = _EMPTY
        self._all_versions = _EMPTY
        self._keys = array("q")
        self._versions = array("q")
        self.records_in_pass = 0

    def add(self, records: Sequence[msgspec.Raw]) -> None:
        """Count the records of a page of this pass."""
        for record in records:
            key, version = self._identify(record)
            self._keys.append(hash(key))
            self._versions.append(hash((key, version)))
        self.records_in_pass += len(records)

    def unseen(self, records: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
        """The records of a page that no earlier pass has brought in this version."""
        hashes = pl.Series("hash", [hash(self._identify(record)) for record in records], dtype=pl.Int64)
        known = hashes.is_in(self._all_versions.implode())
        return [record for record, is_known in zip(records, known, strict=True) if not is_known]

    def versions(self, records: Sequence[msgspec.Raw]) -> frozenset[int]:
        """Which records these are, each in this version."""
        return frozenset(hash(self._identify(record)) for record in records)

    def distinct_in_pass(self) -> int:
        """Distinct keys received in this pass."""
        return _series(self._keys).n_unique()

    def finish_pass(self) -> None:
        """Join this pass with the earlier ones."""
        self._all_keys = pl.concat([self._all_keys, _series(self._keys)]).unique()
        self._all_versions = pl.concat([self._all_versions, _series(self._versions)]).unique()
        self._keys, self._versions, self.records_in_pass = array("q"), array("q"), 0

    @property
    def distinct(self) -> int:
        """Distinct keys received over all the finished passes."""
        return len(self._all_keys)

    def _identify(self, record: msgspec.Raw) -> tuple[tuple[bytes, ...], bytes]:
        """A record's key and version; one without a readable key is its own bytes."""
        try:
            members = [bytes(raw) for raw in msgspec.structs.astuple(self._decoder.decode(record))]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return (bytes(record),), b""
        key = tuple(members[: self._key_width])
        if not all(key) or b"null" in key:
            return (bytes(record),), b""
        return key, members[-1] if self._has_cursor else bytes(record)


def _series(hashes: "array[int]") -> pl.Series:
    """The hashes as a polars series, without a copy."""
    if not hashes:
        return _EMPTY
    values = pa.Array.from_buffers(pa.int64(), len(hashes), [None, pa.py_buffer(hashes)])
    return pl.Series("hash", pl.from_arrow(values))
