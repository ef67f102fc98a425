"""`${NAME}`: environment variables inside the strings of a YAML file, looked up when a run needs them.

Here belongs only the replacing. Who reads the environment, and from where, is settings' business.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote, quote_plus

from sync_platform.vocabulary import SettingsError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

T = TypeVar("T")


def names_in(value: object) -> frozenset[str]:
    """Return the variable names that strings anywhere inside `value` (lists, mappings) refer to."""
    if isinstance(value, str):
        return frozenset(_REFERENCE.findall(value))
    if isinstance(value, Mapping):
        return frozenset().union(*map(names_in, value), *map(names_in, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(names_in, value))
    return frozenset()


def pick(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the named variables only, without the line end that secrets read from files tend to carry.

    Raises:
        SettingsError: one is unset, empty or not printable; the message names all such, and no value.
    """
    found = {name: environment.get(name, "").strip() for name in sorted(names)}
    if missing := [name for name, value in found.items() if not value]:
        verb = "is" if len(missing) == 1 else "are"
        raise SettingsError(
            f"{', '.join(missing)} {verb} not set; set it in the environment or in .env, then run again"
        )
    if broken := [name for name, value in found.items() if not value.isprintable()]:
        raise SettingsError(f"{', '.join(broken)}: holds control characters; write it again on one line")
    return found


def resolve(value: T, environment: Mapping[str, str]) -> T:
    """Return `value` with every `${NAME}` replaced, deep in lists and mappings.

    Raises:
        SettingsError: a variable is unset or empty.
    """
    return substitute(value, pick(names_in(value), environment))


def substitute(value: T, known: Mapping[str, str]) -> T:
    """Return `value` with the known names replaced; a `${NAME}` that is not known stays plain text.

    This is what a request goes through when it is sent: a cursor that a server made up must not be able to
    ask for any other variable of ours.
    """
    if not known:
        return value
    return _map_strings(value, lambda text: _REFERENCE.sub(lambda m: known.get(m[1], m[0]), text))


def mask(value: T, known: Mapping[str, str]) -> T:
    """Undo `substitute`: write `${NAME}` wherever a known value stands, as it is or percent-encoded."""
    longest_first = sorted(known.items(), key=lambda item: len(item[1]), reverse=True)

    def masked(text: str) -> str:
        for name, secret in longest_first:
            for spelling in _spellings(secret):
                text = text.replace(spelling, f"${{{name}}}")
        return text

    return _map_strings(value, masked)


@lru_cache(maxsize=64)
def _spellings(secret: str) -> frozenset[str]:
    return frozenset((secret, quote(secret), quote(secret, safe=""), quote_plus(secret)))


def _map_strings(value: T, change: Callable[[str], str]) -> T:
    result: object = value
    if isinstance(value, str):
        result = change(value)
    elif isinstance(value, list):
        result = [_map_strings(item, change) for item in value]
    elif isinstance(value, dict):
        result = {key: _map_strings(item, change) for key, item in value.items()}
    return result  # type: ignore[return-value] # the shape is kept, which the type system cannot say
