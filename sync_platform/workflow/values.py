"""Variables on their way into the database and back: a value comes back as what it was.

Here belongs which values a variable may have. Rows of a query give them, YAML, the launch, and steps.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

_AS_TEXT: dict[str, tuple[type, Callable[[str], Any]]] = {
    # A datetime is a date too, so it stands before it.
    "datetime": (datetime, datetime.fromisoformat),
    "date": (date, date.fromisoformat),
    "time": (time, time.fromisoformat),
    "decimal": (Decimal, Decimal),
    "uuid": (UUID, UUID),
    "float": (float, float),
}
_PLAIN = (str, bool, int, type(None))


def stored(value: object) -> Jsonb:
    """Return a value as it is written down.

    Raises:
        ValueError: a variable cannot be of this type; the message names the type only.
    """
    for name, (kind, _) in _AS_TEXT.items():
        if isinstance(value, kind):
            text = value.isoformat() if isinstance(value, datetime | date | time) else str(value)
            return Jsonb({"type": name, "value": text})
    if not _is_json(value):
        raise ValueError(
            f"a variable cannot be a {type(value).__name__}: cast it, to text, a number, a time or jsonb"
        )
    return Jsonb({"type": "json", "value": value})


def restored(written: Mapping[str, Any]) -> Any:
    """Return the value that `stored` wrote."""
    if written["type"] == "json":
        return written["value"]
    return _AS_TEXT[written["type"]][1](written["value"])


def bindable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as SQL binds them: objects and lists as jsonb."""
    return {name: Jsonb(value) if isinstance(value, dict | list) else value for name, value in values.items()}


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, (*_PLAIN, float))
