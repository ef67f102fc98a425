"""`response_actions`: what a YAML file says about answers that the standard policy would judge wrongly.

Here belongs only the matching; what an action leads to is decided in the client.
"""

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from sync_platform.api.json_path import JsonPath, Missing
from sync_platform.api.placeholders import as_text
from sync_platform.api.spec import ResponseAction

_BARE_CODE = re.compile(r"[A-Za-z][A-Za-z_.-]{0,59}")


def matching_action(
    actions: Iterable[ResponseAction], status: int, headers: Mapping[str, str], body: bytes
) -> tuple[int, ResponseAction] | None:
    """Return the first action (and its position, from 0) whose every condition holds, or None."""
    for position, action in enumerate(actions):
        if _status_fits(action, status) and _headers_fit(action, headers) and _body_fits(action, body):
            return position, action
    return None


def stated_message(action: ResponseAction, body: bytes) -> str | None:
    """Return the API's own reason where it is a bare code such as `REQUEST_LIMIT_EXCEEDED`, else None.

    Sentences are not repeated: they may name a customer, and messages end up in logs and ledgers.
    """
    value = None if action.message is None else action.message.find_in(body)
    return value if isinstance(value, str) and _BARE_CODE.fullmatch(value) else None


def _status_fits(action: ResponseAction, status: int) -> bool:
    return action.status is None or status in _listed(action.status)


def _headers_fit(action: ResponseAction, headers: Mapping[str, str]) -> bool:
    return all(
        name in headers and headers[name].strip() in [as_text(value) for value in _listed(expected)]
        for name, expected in action.headers.items()
    )


def _body_fits(action: ResponseAction, body: bytes) -> bool:
    return all(
        any(_equal(JsonPath.parse(path).find_in(body), value) for value in _listed(expected))
        for path, expected in action.body.items()
    )


def _listed(expected: object) -> list[JsonValue]:
    return expected if isinstance(expected, list) else [expected]  # type: ignore[list-item] # scalars of the spec


def _equal(found: JsonValue | Missing, expected: JsonValue) -> bool:
    # In Python True equals 1, in JSON it does not.
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)
