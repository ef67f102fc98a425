"""Who a record is: its key and its version, told from its JSON, a page at a time.

Both stand as 64-bit hashes, for this process only. Texts and whole numbers are taken by value, all else as it
was written. Which records were seen is counted in `seen`.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from sync_platform.api.envelope import open_page, open_plain_page, open_reply
from sync_platform.api.exchange import Reply
from sync_platform.api.json_path import JsonPath
from sync_platform.pull.lineage import key_roots
from sync_platform.pull.spec import ApiSyncSpec

# A negative number, or one that is not below it, shares its hash with another number.
_MODULUS = sys.hash_info.modulus
_WHOLE = Annotated[int, msgspec.Meta(ge=0, lt=_MODULUS)]
# A member's type and what stands for one that is absent.
_KEY: tuple[Any, ...] = (str | _WHOLE,)
_CHANGE: tuple[Any, ...] = (str | _WHOLE | float | None, None)
_RAW: tuple[Any, ...] = (msgspec.Raw, msgspec.Raw(b"null"))


@dataclass(frozen=True, slots=True)
class Identified:
    """Who the records of a page are, column by column.

    Attributes:
        keys: each one's key.
        versions: its key and version.
        changes: what stands in the member with its change time, which tells the version: a scalar, or JSON
            where the time is inside of it; without a change time the record's own bytes.
    """

    keys: list[int]
    versions: list[int]
    changes: list[Any]


class PageRecords:
    """The records of a page as it was received; their bytes are there where somebody asks for them.

    Nearly nobody does: of most pages only the number of records and their identities are wanted, for which
    the page is gone through once.
    """

    def __init__(self, reply: Reply, spec: ApiSyncSpec, identities: "Identities") -> None:
        """Open a reply.

        Raises:
            BrokenPageError, MissingRecordsError: see `open_reply`.
        """
        self._body, self._path = reply.body, spec.records
        self.found = None if reply.ends_pages else identities.read(reply.body)
        self._raws = None if self.found is not None else all_records(reply, spec)

    @property
    def raws(self) -> list[msgspec.Raw]:
        """Each record's bytes, the broken ones last."""
        if self._raws is None:
            self._raws = open_page(self._body, self._path).records
        return self._raws

    def __len__(self) -> int:
        return len(self.raws if self.found is None else self.found)

    def __iter__(self) -> Iterator[msgspec.Raw]:
        return iter(self.raws)


class Identities:
    """Tells the records of one source apart; built once a read.

    Nearly all pages are plain, and read in one go; what is not plain is told by its JSON, and a record that
    stands on a plain page today and beside an odd one tomorrow is the same both times.
    """

    def __init__(self, spec: ApiSyncSpec) -> None:
        fields, cursor, roots = spec.field_specs, spec.cursor_path, key_roots(spec)
        keys = dict.fromkeys(str(fields[root].path.steps[0]) if root in fields else root for root in roots)
        change: tuple[str, ...] = () if cursor is None else (str(cursor.steps[0]),)
        members = tuple(dict.fromkeys((*keys, *change)))
        self.inside_change = JsonPath(() if cursor is None else cursor.steps[1:])
        self._records_path = spec.records
        self._key_width = len(keys)
        self._change_place = members.index(change[0]) if change else None
        self._is_change_json = bool(self.inside_change.steps) and change[0] not in keys
        plain = dict.fromkeys(members, _RAW if self._is_change_json else _CHANGE) | dict.fromkeys(keys, _KEY)
        raw = _struct(dict.fromkeys(members, _RAW))
        self._plain, self._nothing = _struct(plain), raw()
        self._members = [attrgetter(name) for name in self._plain.__struct_fields__]
        self._one = msgspec.json.Decoder(raw)
        self._many = msgspec.json.Decoder(list[raw])  # type: ignore[valid-type]  # built at run time

    def read(self, body: bytes) -> list[Any] | None:
        """Read the members that matter from a whole page, or None where some record is no plain one."""
        return open_plain_page(body, self._records_path, self._plain)

    def of(self, records: "PageRecords | Sequence[msgspec.Raw]") -> Identified:
        """Tell who each record is; one without a readable key is its own bytes."""
        plain = records.found if isinstance(records, PageRecords) else None
        found = self._decoded(list(records)) if plain is None else plain
        if not found:
            return Identified([], [], [])
        columns: list[Sequence[Any]] = [list(map(member, found)) for member in self._members]
        if plain is None:
            width = self._key_width if self._is_change_json else len(columns)
            columns[:width] = [list(map(_value, column)) for column in columns[:width]]
        told: Iterable[Any] = records if self._change_place is None else columns[self._change_place]
        is_json = self._change_place is None or self._is_change_json
        changes = list(map(bytes, told) if is_json else told)
        keys = columns[: self._key_width]
        if plain is None:
            keys = _keys_or_own_bytes(keys, records)
        versions = map(hash, zip(*keys, changes, strict=True))
        return Identified(list(map(hash, zip(*keys, strict=True))), list(versions), changes)

    def _decoded(self, records: Sequence[msgspec.Raw]) -> list[Any]:
        """The members that matter of each record; none of them where it cannot be read."""
        try:
            return self._many.decode(b"[" + b",".join(records) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._decoded_alone(record) for record in records]

    def _decoded_alone(self, record: msgspec.Raw) -> Any:
        try:
            return self._one.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._nothing


def _keys_or_own_bytes(keys: Sequence[Sequence[Any]], records: Iterable[msgspec.Raw]) -> list[Sequence[Any]]:
    """The keys' columns, where a record without a readable key stands as its own bytes instead."""
    alone = [None] * (len(keys) - 1)
    rows = (
        (bytes(record), *alone) if None in key else key
        for key, record in zip(zip(*keys, strict=True), records, strict=True)
    )
    return list(zip(*rows, strict=True))


def _struct(members: Mapping[str, tuple[Any, ...]]) -> Any:
    """A struct of some members of a record, in their order."""
    fields = [(f"m{number}", *kind) for number, kind in enumerate(members.values())]
    names = {f"m{number}": member for number, member in enumerate(members)}
    return msgspec.defstruct("Identity", fields, rename=names, kw_only=True, gc=False)


def _value(raw: msgspec.Raw) -> Any:
    """A member as a plain page has it; what is not plain stands as its JSON."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return bytes(raw)
    is_plain = value is None or type(value) in (str, float) or (type(value) is int and 0 <= value < _MODULUS)
    return value if is_plain else bytes(raw)


def all_records(reply: Reply, spec: ApiSyncSpec) -> list[msgspec.Raw]:
    """Every record of a page, the broken ones last; a reply that only says "no more pages" has none.

    Raises:
        BrokenPageError, MissingRecordsError: see `open_reply`.
    """
    envelope = open_reply(reply, spec.records)
    return [*envelope.records, *(msgspec.Raw(broken.record) for broken in envelope.broken)]
