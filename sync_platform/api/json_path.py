"""PATH: the one way to find a value in a JSON answer.

`paging.next.after`, `["@odata.nextLink"]`, `[0].errorCode`, `email[0].value`, `email[?primary].value`.
Here belong parsing a path and walking it; what a found value means is decided by who asked.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
from pydantic import JsonValue

UTF8_BOM = b"\xef\xbb\xbf"


class Missing(Enum):
    """The type of `MISSING`, which says that a path leads nowhere; null is a value, this is not."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Where:
    """Picks the first element of an array whose `flag` is true: `email[?primary]`."""

    flag: str


Step = str | int | Where

_NAME = r"[^.\[\]]+"
_TEXT = re.compile(rf"(?:{_NAME}|(?=\[))(?:\[(?:\d+|\?{_NAME})\])*(?:\.{_NAME}(?:\[(?:\d+|\?{_NAME})\])*)*")
_STEP = re.compile(rf"\[(?P<index>\d+)\]|\[\?(?P<flag>{_NAME})\]|(?P<name>{_NAME})")
_ALLOWED = (
    "a path is dotted (paging.next.after), may pick from an array ([0].code, email[0].value, "
    'email[?primary].value), or is a list of keys where a key holds a dot (["@odata.nextLink"])'
)

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_PLAIN_NAME = re.compile(r'[^"\\\x00-\x1f]*')  # what msgspec takes as the name of a member

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed PATH.

    Attributes:
        steps: keys, array positions starting at 0, and picks, outermost first; never empty.
    """

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, source: "str | Sequence[str] | JsonPath") -> "JsonPath":
        """Return the path that YAML writes as a text or as a list of literal keys.

        Raises:
            ValueError: it is neither; the message says what is allowed.
        """
        if isinstance(source, JsonPath):
            return source
        if isinstance(source, str):
            if not _TEXT.fullmatch(source):
                raise ValueError(f"{source!r} is not a path: {_ALLOWED}")
            return cls(tuple(_step(match) for match in _STEP.finditer(source)))
        if (
            not isinstance(source, list | tuple)
            or not source
            or not all(isinstance(k, str) and k for k in source)
        ):
            raise ValueError(f"not a path: {_ALLOWED}")
        return cls(tuple(source))

    def find(self, value: JsonValue) -> JsonValue | Missing:
        """Return what stands at the path inside decoded JSON, or `MISSING`."""
        found: JsonValue | Missing = value
        for step in self.steps:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step, MISSING)
            elif isinstance(found, list) and isinstance(step, int):
                found = found[step] if step < len(found) else MISSING
            elif isinstance(found, list) and isinstance(step, Where):
                found = next((e for e in found if isinstance(e, dict) and e.get(step.flag) is True), MISSING)
            else:
                return MISSING
        return found

    def find_raw(self, body: bytes | msgspec.Raw) -> msgspec.Raw | None:
        """Return the bytes that stand at the path, or None where it leads nowhere (null is `b"null"`).

        Only what lies on the way is looked at: an array of records beside it is skipped, not decoded.

        Raises:
            msgspec.DecodeError: what lies on the way is not JSON.
        """
        found: msgspec.Raw | None = body if isinstance(body, msgspec.Raw) else msgspec.Raw(body.lstrip())
        for step in self.steps:
            if found is None:
                return None
            found = _step_into(found, step)
        return found

    def find_in(self, body: bytes) -> JsonValue | Missing:
        """Return the decoded value at the path of a JSON text, or `MISSING`; also where it is no JSON at all.

        A text that only Python's lenient reader takes (NaN, lone surrogates in some record) still answers.
        """
        text = body.removeprefix(UTF8_BOM)
        try:
            raw = self.find_raw(text)
            value: JsonValue | Missing = MISSING if raw is None else msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = self._find_leniently(text)
        return value

    def _find_leniently(self, text: bytes) -> JsonValue | Missing:
        try:
            return self.find(json.loads(text, strict=False))
        except (ValueError, RecursionError):
            return MISSING

    def __str__(self) -> str:
        if any(isinstance(step, str) and not re.fullmatch(_NAME, step) for step in self.steps):
            return json.dumps(self.steps, ensure_ascii=False)
        return "".join(_written(step) for step in self.steps).removeprefix(".")


@lru_cache(maxsize=64)
def decoder_below(path: JsonPath | None, kind: type[T]) -> Callable[[bytes], T] | None:
    """Return what decodes the value at a path as `kind`, in one go over a JSON text (without a BOM).

    None where more than plain names leads there. The decoder raises msgspec.DecodeError where the text is no
    JSON, nothing stands at the path, or something else than `kind`.
    """
    steps = path.steps if path is not None else ()
    if not all(isinstance(step, str) and _PLAIN_NAME.fullmatch(step) for step in steps):
        return None
    level: Any = kind
    for step in reversed(steps):
        level = msgspec.defstruct("Level", [("below", level)], rename={"below": str(step)}, gc=False)
    decode = msgspec.json.Decoder(level).decode
    if not steps:
        return decode
    found_in = attrgetter(".".join(["below"] * len(steps)))
    return lambda text: found_in(decode(text))


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return int(match["index"])
    return Where(match["flag"]) if match["flag"] is not None else match["name"]


def _written(step: Step) -> str:
    match step:
        case int():
            return f"[{step}]"
        case Where(flag):
            return f"[?{flag}]"
        case _:
            return f".{step}"


def _step_into(found: msgspec.Raw, step: Step) -> msgspec.Raw | None:
    opener = bytes(memoryview(found)[:1])
    if isinstance(step, str):
        return _OBJECT.decode(found).get(step) if opener == b"{" else None
    if opener != b"[":
        return None
    elements = _ARRAY.decode(found)
    if isinstance(step, int):
        return elements[step] if step < len(elements) else None
    flag = JsonPath((step.flag,))
    return next(
        (e for e in elements if (raw := flag.find_raw(e)) is not None and bytes(raw) == b"true"), None
    )
