"""Opens a page: from a body's bytes to each record's bytes as received, strictly and fast.

Here belongs what makes a body a page: one whole JSON text, and an array of records in it. What is *in* a
record belongs to the engine; it is only refused here where its bytes are no JSON (NaN, a lone surrogate).
"""

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sync_platform.api.json_path import UTF8_BOM, JsonPath, Step, Where, decoder_below
from sync_platform.vocabulary import PermanentError, RetryableError

if TYPE_CHECKING:  # who opens pages only, such as a process that normalizes them, needs no HTTP library
    from sync_platform.api.exchange import Reply

MAX_DEPTH = 100

_MAY_HOLD_RECORDS = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_KINDS = {b"{": "an object", b'"': "a text", b"t": "a boolean", b"f": "a boolean"}
_SHOWN_KEYS = 10
_SHOWN_KEY_LENGTH = 40

T = TypeVar("T")


class BrokenPageError(RetryableError):
    """The body is not one whole JSON text; it may be the next time. The message quotes nothing of it."""


class MissingRecordsError(PermanentError):
    """The body is JSON, but no array stands where the records should; `records` in the YAML needs a look."""


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record whose bytes are no JSON, in a page that is whole otherwise.

    Attributes:
        reason: what is wrong, without quoting any value.
        record: its bytes as received.
    """

    reason: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened page.

    Attributes:
        records: each record's bytes as received, in order, but for the broken ones.
        broken: records to be quarantined alone.
    """

    records: list[msgspec.Raw]
    broken: tuple[BrokenRecord, ...] = ()

    @property
    def record_count(self) -> int:
        """How many records the page held, broken ones included."""
        return len(self.records) + len(self.broken)


def open_reply(reply: "Reply", records_path: JsonPath | None) -> Envelope:
    """Return the records of an answer; one that ends the pages (`Reply.ends_pages`) may come without any.

    Raises:
        BrokenPageError: as `open_page`; what never was JSON (an empty body, a text) is no broken end.
        MissingRecordsError: as `open_page`, but only where the answer should be a page.
    """
    if not reply.ends_pages:
        return open_page(reply.body, records_path)
    if not reply.is_success or not _MAY_HOLD_RECORDS.match(reply.body):
        return Envelope([])
    try:
        return open_page(reply.body, records_path)
    except MissingRecordsError:
        return Envelope([])


def open_page(body: bytes, records_path: JsonPath | None) -> Envelope:
    """Return the records of a page; null where the array should stand is an empty page.

    Args:
        body: as decoded from its content encoding; a byte order mark is skipped.
        records_path: where the array stands; None where the body is the array.

    Raises:
        BrokenPageError: truncated, trailing bytes, invalid UTF-8, nested too deep; retryable.
        MissingRecordsError: nothing stands at the path, or no array; not retryable.
    """
    if (records := open_plain_page(body, records_path, msgspec.Raw)) is not None:
        return Envelope(records)
    text = body.removeprefix(UTF8_BOM)
    try:
        array = msgspec.Raw(text.strip()) if records_path is None else records_path.find_raw(text)
        if array is not None and bytes(memoryview(array)[:1]) == b"[":
            return Envelope(_ARRAY.decode(array))
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return _open_leniently(text.decode(), records_path, error)
    return _without_array(text, array, records_path)


def open_plain_page(body: bytes, records_path: JsonPath | None, kind: type[T]) -> list[T] | None:
    """Return the records of a page, each decoded as `kind`, where all of them are that; else None.

    None says nothing against the page: `open_page` tells what there is, and refuses it where it must.

    Raises:
        BrokenPageError: invalid UTF-8, nested too deep; retryable.
    """
    text = body.removeprefix(UTF8_BOM)
    _require_utf8(text)
    _require_shallow(text)
    decode = decoder_below(records_path, list[kind])  # type: ignore[valid-type]  # known at run time only
    try:
        return None if decode is None else decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _without_array(text: bytes, found: msgspec.Raw | None, path: JsonPath | None) -> Envelope:
    if found is not None and bytes(found) == b"null":
        return Envelope([])
    where = "the body" if path is None else f"records: {path}"
    if found is not None:
        kind = _KINDS.get(bytes(memoryview(found)[:1]), "a number")
        raise MissingRecordsError(f"{where} is {kind}, not an array{_keys_found(text)}; check records")
    raise MissingRecordsError(f"{where} leads nowhere in the answer{_keys_found(text)}; check records")


def _keys_found(text: bytes) -> str:
    if not text.lstrip().startswith(b"{"):
        return "" if not text.lstrip().startswith(b"[") else " (its top level is an array)"
    keys = [key[:_SHOWN_KEY_LENGTH] for key in _OBJECT.decode(text)]
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return f" (top-level keys: {', '.join(keys[:_SHOWN_KEYS]) or 'none'}{more})"


def _require_utf8(text: bytes) -> None:
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        # `from None`: the cause would quote the body.
        raise BrokenPageError(f"the body is not UTF-8 (byte {error.start})") from None


def _require_shallow(text: bytes) -> None:
    """Refuse nesting over `MAX_DEPTH`, which decoders further on would answer with a crash.

    All is done by C loops over the whole text: strings go, only brackets stay, and each round of removing
    empty pairs takes one level off. Unbalanced brackets are left to the decoder.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = text.translate(_ONE_KIND, _NOT_STRUCTURE)
    # Two quotes in a row end one string and begin another, or are an empty one: nothing is between them.
    brackets = b"".join(structure.replace(b'""', b"").split(b'"')[::2])
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        inner = brackets.replace(b"[]", b"")
        if inner == brackets:
            return
        brackets = inner
    if brackets:
        raise BrokenPageError(f"the body is nested more than {MAX_DEPTH} levels deep")


# The slow way, for bodies that are whole but for some records: Python's reader takes NaN, lone surrogates and
# control characters, and tells where each value ends.

_LENIENT = json.JSONDecoder(strict=False, parse_int=len, parse_float=len)
_SPACE = re.compile(r"[ \t\n\r]*")

Span = tuple[int, int]


def _open_leniently(text: str, path: JsonPath | None, error: Exception) -> Envelope:
    try:
        span = _whole(text)
        for step in path.steps if path else ():
            span = _descend(text, span, step)
        elements = [text[start:end] for _, (start, end) in _array(text, span)]
    except (ValueError, LookupError, StopIteration, AttributeError, RecursionError):
        # `from None`: the cause would quote the body.
        raise BrokenPageError(f"the body is not whole JSON: {error}") from None
    records: list[msgspec.Raw] = []
    broken: list[BrokenRecord] = []
    for element in elements:
        record = element.encode()
        if reason := _why_no_json(element):
            broken.append(BrokenRecord(reason, record))
        else:
            records.append(msgspec.Raw(record))
    return Envelope(records, tuple(broken))


def _whole(text: str) -> Span:
    start = _after_space(text, 0)
    _, end = _LENIENT.raw_decode(text, start)
    if _after_space(text, end) != len(text):
        raise ValueError("trailing text")
    return start, end


def _descend(text: str, span: Span, step: Step) -> Span:
    children = _children(text, span)
    if isinstance(step, int):
        return children[step][1]
    if isinstance(step, Where):
        return next(
            s for _, s in children if json.loads(text[slice(*s)], strict=False).get(step.flag) is True
        )
    return dict(children)[step]


def _array(text: str, span: Span) -> list[tuple[str | None, Span]]:
    if text[slice(*span)] == "null":
        return []
    if text[span[0]] != "[":
        raise ValueError("no array stands where the records should")
    return _children(text, span)


def _children(text: str, span: Span) -> list[tuple[str | None, Span]]:
    """Return key (None in an array) and span of each value directly inside an object or array."""
    at, is_object = _after_space(text, span[0] + 1), text[span[0]] == "{"
    children: list[tuple[str | None, Span]] = []
    while at < span[1] - 1:
        key = None
        if is_object:
            key, at = _LENIENT.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        _, end = _LENIENT.raw_decode(text, at)
        children.append((key, (at, end)))
        at = _after_space(text, _after_space(text, end) + 1)
    return children


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _why_no_json(element: str) -> str | None:
    try:
        msgspec.json.decode(element.encode(), type=msgspec.Raw)
    except msgspec.DecodeError:
        constants: list[str] = []
        json.loads(element, strict=False, parse_constant=constants.append, parse_int=len, parse_float=len)
        if constants:
            return "NaN or Infinity, which JSON has no number for"
        return "a control character in a text" if _has_control(element) else "a lone surrogate in a text"
    return None


def _has_control(element: str) -> bool:
    try:
        json.loads(element, parse_int=len, parse_float=len)
    except ValueError:
        return True
    return False
