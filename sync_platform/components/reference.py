"""Writes the reference of a component: its recipes, then every word of its schema.

Here belongs the writing. Which file it goes to, and its recipes, are each component's.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sync_platform.components.schema import described

Schema = Mapping[str, Any]

_PATH = {"anyOf": [{"type": "string"}, {"items": {"type": "string"}, "type": "array"}]}
_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": ""}

Parts = Mapping[str, tuple[str, ...]]
Headings = Mapping[str, str]


def written_reference(spec: type[BaseModel], recipes: Path, parts: Parts) -> str:
    """Write the whole text of a component's reference.

    Args:
        spec: the engine's spec, whose schema says every word.
        recipes: Markdown that stands before it.
        parts: what has a part of its own, in the order of reading: heading, then the shapes of the schema.
    """
    schema = described(spec.model_json_schema())
    headings = {shape: heading for heading, shapes in parts.items() for shape in shapes}
    lines = [recipes.read_text(encoding="utf-8").rstrip(), "", "## All words", "", *_table(schema, headings)]
    for heading, shapes in parts.items():
        lines += ["", f"### `{heading}`"]
        for shape in shapes:
            lines += ["", *_part(schema["$defs"][shape], headings)]
    return "\n".join(lines) + "\n"


def _part(shape: Schema, headings: Headings) -> Iterator[str]:
    kind = shape["properties"].get("type", {}).get("const")
    yield f"{f'`type: {kind}`: ' if kind else ''}{' '.join(shape['description'].split())}"
    if set(shape["properties"]) - {"type"} or not kind:
        yield ""
        yield from _table(shape, headings)


def _table(shape: Schema, headings: Headings) -> Iterator[str]:
    yield "| Word | Means | Allowed | Default |"
    yield "|---|---|---|---|"
    for word, said in shape["properties"].items():
        if word == "type" and "const" in said:
            continue
        is_required = word in shape.get("required", ())
        default = "required" if is_required else _default(said)
        cells = (f"`{word}`", said.get("description", ""), _allowed(said, headings), default)
        yield f"| {' | '.join(_safe(cell) for cell in cells)} |"


def _safe(cell: str) -> str:
    """Keep a table cell's text from being read as a table or as HTML."""
    parts = cell.replace("|", "&#124;").split("`")
    parts[::2] = [text.replace("<", "&lt;").replace("**", r"\*\*") for text in parts[::2]]  # outside of code
    return "`".join(parts)


def _default(said: Schema) -> str:
    default = said.get("default")
    return "" if default in (None, {}, [], "") or isinstance(default, dict) else f"`{_text(default)}`"


def _allowed(said: Schema, headings: Headings) -> str:
    """What may stand there, in words."""
    if {"anyOf": said.get("anyOf")} == _PATH or said == _PATH:
        return "PATH"
    if "$ref" in said:
        heading = headings.get(said["$ref"].rsplit("/", 1)[-1])
        return f"[{heading}](#{heading})" if heading else "any JSON"
    if "enum" in said or "const" in said:
        return ", ".join(f"`{_text(value)}`" for value in said.get("enum", [said.get("const")]))
    choices = said.get("anyOf") or said.get("oneOf")
    if choices:
        return " or ".join(_merged(choices, headings))
    return _allowed_of_type(said, headings)


def _allowed_of_type(said: Schema, headings: Headings) -> str:
    if said.get("type") == "array":
        return f"list of {_allowed(said.get('items', {}), headings)}"
    if said.get("type") == "object":
        return f"name: {_allowed(said.get('additionalProperties', {}), headings)}"
    return _TYPES[said["type"]] if "type" in said else "any JSON"


def _merged(choices: list[Schema], headings: Headings) -> list[str]:
    """Each choice once; a text or a list of texts together is a PATH."""
    if all(part in choices for part in _PATH["anyOf"]):
        choices = [_PATH, *(choice for choice in choices if choice not in _PATH["anyOf"])]
    words = [word for word in dict.fromkeys(_allowed(choice, headings) for choice in choices) if word]
    scalars = ["text", "integer", "number", "true or false"]
    if all(word in words for word in scalars):
        words = [
            "a value",
            *(word.replace(" or ".join(scalars), "values") for word in words if word not in scalars),
        ]
    return words


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
