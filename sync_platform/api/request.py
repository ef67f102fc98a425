"""One request as the engine means it: made from the YAML's template, exact enough to be stored and redone.

`${NAME}` stands in it unresolved and authentication is not in it: both are added when it is sent, so that
no secret is in what is shown or stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pydantic import JsonValue

from sync_platform.api.json_path import Missing
from sync_platform.api.placeholders import as_text, render
from sync_platform.api.spec import RequestSpec
from sync_platform.api.urls import param_names

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API.

    Attributes:
        method: GET or POST.
        url: a path below base_url, or an absolute URL on its origin.
        params: query parameters in order; a repeated name is a repeated parameter.
        headers: beside those of authentication.
        json_body: the JSON body, or None for none.
    """

    method: str
    url: str
    params: Pairs = ()
    headers: Pairs = ()
    json_body: JsonValue = None

    def describe(self) -> str:
        """Return method, path and the names of the parameters: `GET /users?page&limit`; never a value."""
        return _described(self.method, self.url, tuple(name for name, _ in self.params))

    def to_payload(self) -> dict[str, JsonValue]:
        """Return the request as a JSON object for the retry queue; `from_payload` gives it back exactly."""
        return {
            "method": self.method,
            "url": self.url,
            "params": [list(pair) for pair in self.params],
            "headers": [list(pair) for pair in self.headers],
            "json": self.json_body,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "ApiRequest":
        """Return the request that `to_payload` wrote.

        Raises:
            KeyError: the payload is not one that this method's pair wrote.
        """
        return cls(
            method=payload["method"],
            url=payload["url"],
            params=tuple((name, value) for name, value in payload["params"]),
            headers=tuple((name, value) for name, value in payload["headers"]),
            json_body=payload["json"],
        )


@lru_cache(maxsize=64)  # the pages of one read differ in values only
def _described(method: str, url: str, params: tuple[str, ...]) -> str:
    names = dict.fromkeys([*param_names(url), *params])
    path = urlsplit(url).path or "/"
    return f"{method} {path}{'?' if names else ''}{'&'.join(names)}"


def build_request(
    spec: RequestSpec, values: Mapping[str, JsonValue], *, next_url: str | None = None
) -> ApiRequest:
    """Return the request of one page.

    Args:
        spec: the YAML's template.
        values: what the placeholders stand for; None and absent are the same.
        next_url: the server's own URL of this page: used as it comes, params are not added again.
    """
    params = () if next_url is not None else _pairs(spec.params, values)
    body = None if spec.json_body is None else render(spec.json_body, values)
    return ApiRequest(
        method=spec.method,
        url=spec.path if next_url is None else next_url,
        params=params,
        headers=_pairs(spec.headers, values),
        json_body={} if isinstance(body, Missing) else body,
    )


def _pairs(template: Mapping[str, Any], values: Mapping[str, JsonValue]) -> Pairs:
    rendered = render(dict(template), values)
    if not isinstance(rendered, dict):
        return ()
    return tuple(
        (name, as_text(element))
        for name, value in rendered.items()
        for element in (value if isinstance(value, list) else [value])
    )
