"""From a row to a request: placeholders filled, canonical bytes, and their hash.

Here belongs only the filling in. `${NAME}` stays as it is, because what is made here is stored: secrets
are put in when a request is sent.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import JsonValue

from sync_platform.api.placeholders import as_text
from sync_platform.push.spec import PushRequestSpec
from sync_platform.vocabulary import PermanentError

_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENCODER = msgspec.json.Encoder(order="deterministic", decimal_format="number")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RenderedItem:
    """One customer's request, as it is stored and later sent.

    Attributes:
        payload: the JSON body; `null` where the request has none.
        request: url, params and headers where they differ from customer to customer, as JSON; else None.
        payload_hash: SHA-256 over both, in hex.
    """

    payload: bytes
    request: bytes | None
    payload_hash: str


class Template:
    """A request with placeholders, checked against the columns that it may use.

    Raises:
        PermanentError: a placeholder is no column; the message lists the columns.
    """

    def __init__(self, spec: PushRequestSpec, columns: Sequence[str]) -> None:
        self._spec = spec
        parts: list[object] = [spec.url, dict(spec.params), dict(spec.headers)]
        unknown = sorted((_names(parts) | _names(spec.json_body)) - set(columns))
        if unknown:
            raise PermanentError(
                f"The request uses {{{unknown[0]}}}, which is no column of the source. "
                f"Its columns: {', '.join(columns)}."
            )
        self._has_own_parts = bool(_names(parts))

    def render(self, row: Row) -> RenderedItem:
        """Fill in one row. The same row gives the same bytes, in every process and version."""
        payload = _ENCODER.encode(_filled(self._spec.json_body, row))
        request = _ENCODER.encode(self.parts(row)) if self._has_own_parts else None
        digest = hashlib.sha256(payload)
        if request is not None:
            digest.update(b"\n" + request)
        return RenderedItem(payload, request, digest.hexdigest())

    def parts(self, row: Row) -> dict[str, Any]:
        """Return url, params and headers of one row; what is null is left out."""
        return {
            "url": _PLACEHOLDER.sub(
                lambda found: quote(as_plain_text(row[found[1]]), safe=""), self._spec.url
            ),
            "params": _pairs(self._spec.params, row),
            "headers": _pairs(self._spec.headers, row),
        }


def fixed_parts(spec: PushRequestSpec) -> dict[str, Any]:
    """Return url, params and headers as the YAML writes them, for requests where they are all the same."""
    return {"url": spec.url, "params": _listed(spec.params), "headers": _listed(spec.headers)}


def _names(template: object) -> frozenset[str]:
    if isinstance(template, str):
        return frozenset(_PLACEHOLDER.findall(template))
    if isinstance(template, Mapping):
        return frozenset().union(*map(_names, template.values()))
    if isinstance(template, list):
        return frozenset().union(*map(_names, template))
    return frozenset()


def _filled(template: JsonValue, row: Row) -> Any:
    if isinstance(template, str):
        return _filled_text(template, row)
    if isinstance(template, dict):
        return {key: _filled(value, row) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, row) for value in template]
    return template


def _filled_text(template: str, row: Row) -> Any:
    whole = _PLACEHOLDER.fullmatch(template)
    if whole:
        return row[whole[1]]
    return _PLACEHOLDER.sub(lambda found: as_plain_text(row[found[1]]), template)


def _pairs(template: Mapping[str, Any], row: Row) -> list[list[str]]:
    filled = ((name, _filled_text(text, row)) for name, text in _listed(template))
    return [[name, as_plain_text(value)] for name, value in filled if value is not None]


def _listed(template: Mapping[str, Any]) -> list[list[str]]:
    """Write a mapping as pairs; a list of values is a repeated name."""
    return [
        [name, as_plain_text(element)]
        for name, value in template.items()
        for element in (value if isinstance(value, list) else [value])
    ]


def as_plain_text(value: Any) -> str:
    """Write a value as a URL or header does; null is empty."""
    if value is None:
        return ""
    plain = value if isinstance(value, str | bool | int | float) else msgspec.to_builtins(value)
    return as_text(plain) if not isinstance(plain, dict | list) else _ENCODER.encode(plain).decode()
