"""A component's YAML as Dagster sees it: an engine's spec, with refusals that say what is allowed.

`dg check defs` looks at a file twice: against the JSON schema, then by loading it. Here belongs making both
readable; what is allowed stands in the engines' specs and `api.spec` alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from sync_platform.components.schema import described
from sync_platform.vocabulary import MisfitError

Schema = Mapping[str, Any]


class ReadableRefusals(BaseModel):
    """Mixed into a spec: what it refuses is told with the words that are allowed there."""

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_allowed(cls, value: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(value)
        except ValidationError as error:
            raise explained(error, cls.model_json_schema()) from None

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The JSON schema, in the form whose refusals a person can read."""
        readable: dict[str, Any] = _readable(described(super().model_json_schema(*args, **options)))
        return readable


def explained(error: ValidationError, schema: Schema) -> ValidationError:
    """Return the same error, where each unknown word is told with the words that are allowed in its place."""
    problems = error.errors(include_url=False)
    lines = [_explained_line(problem, schema) for problem in problems]
    return ValidationError.from_exception_data(error.title, lines)


def words_at(schema: Schema, path: Sequence[str | int]) -> list[str]:
    """List the words that may stand at a path of the YAML.

    A part of the path that names no step, such as the tag of a union, stays where it is.
    """
    places = list(_shapes(schema, schema))
    for part in path:
        below = [below for place in places for below in _step(schema, place, part)]
        places = below or places
    return sorted({word for place in places for word in place.get("properties", {})})


def _explained_line(problem: Mapping[str, Any], schema: Schema) -> InitErrorDetails:
    misfit = problem.get("ctx", {}).get("error")
    place = misfit.place if isinstance(misfit, MisfitError) else ()
    line = InitErrorDetails(type=problem["type"], loc=(*problem["loc"], *place), input=problem["input"])
    if problem["type"] == "extra_forbidden":
        *parents, word = problem["loc"]
        reason = _unknown_word(str(word), words_at(schema, parents))
        # The only type of Dagster's choice that carries a text of ours through its own rewriting.
        return InitErrorDetails(**{**line, "type": "value_error", "ctx": {"error": ValueError(reason)}})
    return InitErrorDetails(**{**line, "ctx": problem["ctx"]}) if "ctx" in problem else line


def _unknown_word(word: str, allowed: list[str]) -> str:
    close = get_close_matches(word, allowed, n=1)
    meant = f"; did you mean `{close[0]}`?" if close else "."
    return f"`{word}` is no word here{meant} Allowed: {', '.join(allowed)}"


def _step(root: Schema, place: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        yield from _shapes(root, place.get("items", {}))
    elif part in place.get("properties", {}):
        yield from _shapes(root, place["properties"][part])
    elif isinstance(place.get("additionalProperties"), Mapping):
        yield from _shapes(root, place["additionalProperties"])


def _shapes(root: Schema, place: Schema) -> Iterator[Schema]:
    """Every shape that a value may take at a place, references followed."""
    if "$ref" in place:
        place = root["$defs"][place["$ref"].rsplit("/", 1)[-1]]
    yield place
    for shape in (*place.get("anyOf", ()), *place.get("oneOf", ())):
        yield from _shapes(root, shape)


def _readable(schema: Any) -> Any:
    """Change a JSON schema so that its refusals help.

    An unknown word is told with those that are allowed. Where a value may take several shapes, a JSON schema
    can only say that none fits, so it lets everything pass there: loading the file then names the field.
    """
    if isinstance(schema, list):
        return [_readable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _readable(part) for name, part in schema.items()}
    if changed.get("additionalProperties") is False:
        changed["propertyNames"] = {"enum": sorted(changed.get("properties", {}))}
    if "oneOf" in changed:
        changed["anyOf"] = changed.pop("oneOf")
    if "anyOf" in changed:
        changed["anyOf"] = [*changed["anyOf"], {}]
    return changed
