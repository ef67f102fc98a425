"""`{page}` and its kin: the one way to put a value into a request.

Here belongs only the filling in of templates. Which value a placeholder has is decided by pagination
and by the engine's window.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from pydantic import JsonValue

from sync_platform.api.json_path import MISSING, Missing

PLACEHOLDERS = ("since", "until", "page", "offset", "cursor", "page_size")

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


def placeholders_in(template: object) -> frozenset[str]:
    """Return the placeholders that strings anywhere inside `template` use."""
    if isinstance(template, str):
        return frozenset(_PLACEHOLDER.findall(template))
    if isinstance(template, Mapping):
        return frozenset().union(*map(placeholders_in, template.values()))
    if isinstance(template, list | tuple):
        return frozenset().union(*map(placeholders_in, template))
    return frozenset()


def render(template: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue | Missing:
    """Return the template with its placeholders filled in, or `MISSING` where nothing is left of it.

    A string that is one placeholder and nothing else takes the value with its type; inside a longer string
    the value is written as text. What refers to a placeholder without a value (absent or None) is left out:
    a key with its value, an element of a list, and a list or mapping that holds nothing else. All
    other braces are plain text.
    """
    if isinstance(template, str):
        return _render_text(template, values)
    if isinstance(template, list):
        elements = [r for element in template if not isinstance(r := render(element, values), Missing)]
        return elements if elements or not template else MISSING
    if isinstance(template, dict):
        rendered = {key: render(value, values) for key, value in template.items()}
        kept: dict[str, JsonValue] = {k: v for k, v in rendered.items() if not isinstance(v, Missing)}
        return kept if kept or not template else MISSING
    return template


def _render_text(template: str, values: Mapping[str, JsonValue]) -> JsonValue | Missing:
    names = _names_in(template)
    if any(values.get(name) is None for name in names):
        return MISSING
    if len(names) == 1 and template == f"{{{names[0]}}}":
        return values[names[0]]
    return _PLACEHOLDER.sub(lambda match: as_text(values[match[1]]), template)


@lru_cache(maxsize=256)
def _names_in(template: str) -> tuple[str, ...]:
    return tuple(_PLACEHOLDER.findall(template))


def as_text(value: JsonValue) -> str:
    """Return a scalar as a URL or header writes it: `true`, not `True`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
