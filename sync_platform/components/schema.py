"""The JSON schema of the YAML with every word explained where it stands.

Some models explain their words in their docstring. Pure: a schema in, a schema out; the UI, `dg docs` and
the written reference show the result.
"""

import re
from collections.abc import Mapping
from typing import Any

_WORD = re.compile(r"^ {4}(\w+): ")
_ALIASES = {"json_body": "json"}


def described(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Move what a docstring says of a word to the word, and keep the rest of it for the model."""
    shapes = {name: _described(shape) for name, shape in schema.get("$defs", {}).items()}
    return {**_described(schema), "$defs": shapes}


def _described(shape: Mapping[str, Any]) -> dict[str, Any]:
    text, _, attributes = shape.get("description", "").partition("\n\nAttributes:\n")
    meanings = _meanings(attributes)
    properties = {
        name: {"description": meanings[name], **value} if name in meanings else value
        for name, value in shape.get("properties", {}).items()
    }
    changed = {**shape, "description": text} if text else dict(shape)
    return {**changed, "properties": properties} if properties else changed


def _meanings(attributes: str) -> dict[str, str]:
    """By word, what an `Attributes:` section says of it, each on one line."""
    meanings: dict[str, str] = {}
    word = ""
    for line in attributes.splitlines():
        if start := _WORD.match(line):
            word = _ALIASES.get(start[1], start[1])
            meanings[word] = _sentence(line[start.end() :])
        elif word and line.strip():
            meanings[word] += f" {line.strip()}"
    return meanings


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
