"""From the bytes of a page to columns of values: typed decoding, strict, and a reject is one record.

Decoding is msgspec into a struct that holds only what the YAML uses, a page at a time. Only a page with a
record that does not fit is taken apart, so that this record alone is rejected. Which SQL is computed over
the columns belongs to `normalize`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import polars as pl
from msgspec.structs import astuple

from sync_platform.api.envelope import Envelope, open_page
from sync_platform.api.json_path import UTF8_BOM, JsonPath, decoder_below
from sync_platform.pull.land import LandedPage
from sync_platform.pull.lineage import key_roots, top_level_names, whole_json_names
from sync_platform.pull.spec import ApiSyncSpec, FieldSpec
from sync_platform.vocabulary import RejectedRecord

Scalar = str | int | float | bool | None
_FIELD_TYPES: dict[str, Any] = {
    "text": str,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "number": int | float,
    "boolean": bool,
    "json": msgspec.Raw,
}
_KEY_TYPE = int | str
_SCALAR_TYPE = str | int | float | bool
_BACKSLASH, _NUL_ESCAPE = b"\\", b"\\u0000"
_NULL = b"null"


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that the YAML uses of every record.

    Attributes:
        name: its name in SQL.
        member: the record's top-level name that holds it.
        path: PATH below `member` where it is nested, else None.
        type: what msgspec demands of the value.
        is_required: whether a record without it is rejected.
    """

    name: str
    member: str
    path: JsonPath | None
    type: Any
    is_required: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The records that fit, column by column.

    Attributes:
        pages: each record's page.
        positions: each record's place on its page, starting at 0.
        columns: by SQL name, one value a record, in the order of `positions`.
    """

    pages: Sequence[int]
    positions: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


class RecordDecoder:
    """Decodes pages of one source; built once, used for every page."""

    def __init__(self, spec: ApiSyncSpec) -> None:
        self._spec = spec
        self.slots = tuple(_slots(spec))
        self._loose = _loose_members(self.slots)
        self._decoders = {slot.name: msgspec.json.Decoder(slot.type) for slot in self.slots}
        self._struct = self._build_struct()
        array = list[self._struct]  # type: ignore[name-defined]  # built at run time
        self._read_array = msgspec.json.Decoder(array).decode
        self._read_page = decoder_below(spec.records, array) or self._read_found
        self._record = msgspec.json.Decoder(self._struct)
        self._key = pl.sql_expr(spec.column_specs[spec.target.key].sql)

    def decode_all(self, pages: Iterable[LandedPage]) -> tuple[Accepted, list[RejectedRecord]]:
        """Decode the records of several pages, one behind the other."""
        numbers: list[int] = []
        positions: list[int] = []
        columns: dict[str, list[Any]] = {slot.name: [] for slot in self.slots}
        rejected: list[RejectedRecord] = []
        for page in pages:
            accepted, rejects = self.decode(page)
            numbers += accepted.pages
            positions += accepted.positions
            for name, values in accepted.columns.items():
                columns[name] += values
            rejected += rejects
        return Accepted(numbers, positions, columns), rejected

    def decode(self, page: LandedPage) -> tuple[Accepted, list[RejectedRecord]]:
        """Decode the records of one page; what does not fit is rejected with its reason."""
        try:
            body = page.body.removeprefix(UTF8_BOM)
            records = self._read_array(body) if page.is_excerpt else self._read_page(body)
            # One byte is found many times faster than six, and most pages have none.
            if _BACKSLASH not in body or _NUL_ESCAPE not in body:
                return self._accepted(page, range(len(records)), records), []
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # some record does not fit; which one, the slow way finds
        return self._decode_one_by_one(page)

    def _read_found(self, body: bytes) -> list[Any]:
        """The records where more than names leads to them."""
        found = self._spec.records.find_raw(body) if self._spec.records else None
        return self._read_array(found or _NULL)

    def _build_struct(self) -> type[msgspec.Struct]:
        members = {slot.member: slot for slot in self.slots}
        attributes = {f"m{number}": slot for number, slot in enumerate(members.values())}
        self._members = tuple(members)
        fields = [(attribute, *self._member_type(slot)) for attribute, slot in attributes.items()]
        renames = {attribute: slot.member for attribute, slot in attributes.items()}
        return msgspec.defstruct("Record", fields, kw_only=True, rename=renames, gc=False)

    def _member_type(self, slot: Slot) -> tuple[Any, ...]:
        """A member's type and default, as the struct wants them; loose ones are looked at slot by slot."""
        if slot.member in self._loose:
            return msgspec.Raw, msgspec.Raw(_NULL)
        return (slot.type,) if slot.is_required else (slot.type | None, None)

    def _columns(self, records: Sequence[Any]) -> dict[str, Sequence[Any]]:
        members = dict(zip(self._members, zip(*map(astuple, records), strict=True), strict=False))
        columns: dict[str, Sequence[Any]] = {}
        for slot in self.slots:
            values: Sequence[Any] = members.get(slot.member, ())  # no records, no members
            if slot.member in self._loose:
                decoder = self._decoders[slot.name]
                values = [_value_in(slot, decoder, value) for value in values]
            columns[slot.name] = values
        return columns

    def _decode_one_by_one(self, page: LandedPage) -> tuple[Accepted, list[RejectedRecord]]:
        envelope = page_records(page, self._spec.records)
        accepted, positions, rejected = [], [], []
        for position, raw in enumerate(envelope.records):
            reason, record = self._try(raw)
            if reason is None:
                accepted.append(record)
                positions.append(position)
            else:
                rejected.append(self.reject(page.number, bytes(raw), reason))
        rejected += [self.reject(page.number, broken.record, broken.reason) for broken in envelope.broken]
        return self._accepted(page, positions, accepted), rejected

    def _accepted(self, page: LandedPage, positions: Sequence[int], records: Sequence[Any]) -> Accepted:
        return Accepted([page.number] * len(records), positions, self._columns(records))

    def reject(self, page: int, record: bytes, reason: str) -> RejectedRecord:
        """Name a record that broke the contract, by its key where one can be read."""
        return RejectedRecord(page, self._key_text(record), reason, record)

    def _try(self, raw: bytes | msgspec.Raw) -> tuple[str | None, Any]:
        """A reason, or the record."""
        try:
            record = self._record.decode(raw)
            columns = self._columns([record])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _reason(error), None
        if any("\0" in value for [value] in columns.values() if isinstance(value, str)):
            return "a text holds NUL (\\u0000), which Postgres cannot store", None
        return None, record

    def _key_text(self, record: bytes) -> str | None:
        """The record's key as the table would hold it, where it can be read."""
        try:
            members = json.loads(record, strict=False)
        except (ValueError, RecursionError):
            return None
        roots = key_roots(self._spec)
        values = [_found(slot, members) for slot in self.slots if slot.name in roots]
        if not all(isinstance(value, str) for value in values):
            return None
        names = [slot.name for slot in self.slots if slot.name in roots]
        raw = pl.DataFrame([pl.Series(name, [value]) for name, value in zip(names, values, strict=True)])
        try:
            key = raw.select(self._key.cast(pl.String)).item()
        except pl.exceptions.PolarsError:
            return None
        return str(key) if key else None


def _found(slot: Slot, members: Any) -> str | None:
    """A part of the key as text, without what Postgres cannot store."""
    value = members.get(slot.member) if isinstance(members, dict) else None
    found = value if slot.path is None else slot.path.find(value)
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    return str(found).replace("\0", "").encode(errors="replace").decode()


def page_records(page: LandedPage, records_path: JsonPath | None) -> Envelope:
    """The records of a landed page, each as it was received."""
    return open_page(page.body, None if page.is_excerpt else records_path)


def _loose_members(slots: Sequence[Slot]) -> frozenset[str]:
    """Members that are kept as received, because something inside, all of it, or several things are used."""
    uses = Counter(slot.member for slot in slots)
    return frozenset(
        slot.member
        for slot in slots
        if slot.path is not None or slot.type is msgspec.Raw or uses[slot.member] > 1
    )


def _value_in(slot: Slot, decoder: msgspec.json.Decoder[Any], member: msgspec.Raw) -> Any:
    """The slot's value inside a loose member; its type is checked as the struct checks the others."""
    found = member if slot.path is None else slot.path.find_raw(member)
    if found is None or bytes(found) == _NULL:
        if slot.is_required:
            raise msgspec.ValidationError(f"Object missing required field `{slot.name}`")
        return None
    if slot.type is msgspec.Raw:
        return bytes(found)
    try:
        return decoder.decode(found)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"{error} - at field `{slot.name}`") from None


def _reason(error: Exception) -> str:
    """A reject's reason; msgspec names type and place and never the value."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return "a text holds half a character (a lone surrogate, or no UTF-8)"


def _slots(spec: ApiSyncSpec) -> Iterator[Slot]:
    keys = key_roots(spec)
    fields = spec.field_specs
    cursor = spec.incremental.field if spec.incremental is not None else None
    if cursor is not None and str(cursor) not in fields and len(cursor.steps) > 1:
        fields[str(cursor)] = FieldSpec(path=cursor)
    for name, field in fields.items():
        yield _field_slot(name, field, is_key=name in keys, may_be_tombstone=spec.deleted is not None)
    kinds: dict[str, Any] = {
        **dict.fromkeys(whole_json_names(spec), msgspec.Raw),
        **dict.fromkeys(keys, _KEY_TYPE),
    }
    for name in top_level_names(spec):
        if name not in fields:
            yield Slot(name, name, None, kinds.get(name, _SCALAR_TYPE), name in keys)


def _field_slot(name: str, field: FieldSpec, *, is_key: bool, may_be_tombstone: bool) -> Slot:
    """A field's slot; what a tombstone may leave out is required by `normalize`, which knows tombstones."""
    member, *rest = JsonPath.parse(field.path).steps
    kind = _FIELD_TYPES[field.type] if field.type else (_KEY_TYPE if is_key else _SCALAR_TYPE)
    below = JsonPath(tuple(rest)) if rest else None
    return Slot(name, str(member), below, kind, is_key or (field.required and not may_be_tombstone))
