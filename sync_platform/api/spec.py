"""What a YAML file may say about an API: authentication, request, pagination, limits, retries, actions.

Here belong frozen models that refuse what the grammar does not allow, with a message for the person who
wrote the file. Nothing is looked up, contacted or decided here.
"""

import difflib
import re
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from sync_platform.api.json_path import JsonPath
from sync_platform.api.placeholders import PLACEHOLDERS, placeholders_in

PathField = Annotated[
    InstanceOf[JsonPath],
    BeforeValidator(JsonPath.parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Scalar = str | int | float | bool
NonEmpty = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoAuth(_Spec):
    """Requests go out as they are."""

    type: Literal["none"] = "none"


class BearerAuth(_Spec):
    """`Authorization: Bearer <token>`.

    Attributes:
        token: such as `${API_TOKEN}`.
        optional: send no credentials where the token's variable is unset, instead of an error.
    """

    type: Literal["bearer"]
    token: NonEmpty = Field(repr=False)
    optional: bool = False


class HeaderAuth(_Spec):
    """A header of the API's own.

    Attributes:
        name: of the header.
        value: such as `${API_KEY}`.
    """

    type: Literal["header"]
    name: NonEmpty
    value: NonEmpty = Field(repr=False)


class QueryAuth(_Spec):
    """A query parameter of the API's own; it is added when a request is sent and stored nowhere.

    Attributes:
        name: of the parameter.
        value: such as `${API_KEY}`.
    """

    type: Literal["query"]
    name: NonEmpty
    value: NonEmpty = Field(repr=False)


class BasicAuth(_Spec):
    """HTTP Basic (RFC 7617).

    Attributes:
        username: such as `${API_USER}`; some APIs want their key here.
        password: such as `${API_PASSWORD}`; empty where the user is all.
    """

    type: Literal["basic"]
    username: NonEmpty
    password: str = Field(default="", repr=False)


class OAuth2Auth(_Spec):
    """OAuth 2.0 client credentials (RFC 6749, 4.4).

    Attributes:
        token_url: absolute, or relative to base_url.
        client_id: such as `${CLIENT_ID}`.
        client_secret: such as `${CLIENT_SECRET}`.
        scope: what the token is for, where the API wants it said.
        extra: further fields of the token request.
        send: whether the token request is a form or JSON.
    """

    type: Literal["oauth2"]
    token_url: NonEmpty
    client_id: NonEmpty
    client_secret: NonEmpty = Field(repr=False)
    scope: str | None = None
    extra: dict[str, str] = Field(default_factory=dict, repr=False)
    send: Literal["form", "json"] = "form"


AuthSpec = Annotated[
    NoAuth | BearerAuth | HeaderAuth | QueryAuth | BasicAuth | OAuth2Auth, Field(discriminator="type")
]


class RequestSpec(_Spec):
    """The first request, written as the API's own page writes it.

    Attributes:
        method: POST where the API searches by POST; `json` needs it.
        path: below base_url; empty means base_url itself.
        params: query parameters; a list is a repeated parameter.
        headers: beside those of authentication.
        json_body: a JSON body of any shape.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    method: Literal["GET", "POST"] = "GET"
    path: str = ""
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    headers: dict[str, Scalar] = Field(default_factory=dict)
    json_body: JsonValue = Field(default=None, alias="json")

    @field_validator("path")
    @classmethod
    def _path_is_fixed(cls, path: str) -> str:
        if placeholders_in(path):
            raise ValueError("placeholders stand in params, headers or json, not in path")
        return path

    @field_validator("params", "headers")
    @classmethod
    def _placeholders_are_known(cls, fields: dict[str, object]) -> dict[str, object]:
        for name, value in fields.items():
            for text in value if isinstance(value, list) else [value]:
                _refuse_misspelt_placeholder(name, text)
        return fields

    @model_validator(mode="after")
    def _body_needs_post(self) -> Self:
        if self.json_body is not None and self.method != "POST":
            raise ValueError("json needs method: POST")
        return self

    def placeholders(self) -> frozenset[str]:
        """Return the placeholders that the request uses anywhere."""
        return placeholders_in([self.params, self.headers, self.json_body])


def _refuse_misspelt_placeholder(name: str, text: object) -> None:
    """Refuse `{pagesize}`, but not `{anything}`: other braces are plain text."""
    word = re.fullmatch(r"\{(\w+)\}", text) if isinstance(text, str) else None
    if word and word[1] not in PLACEHOLDERS:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word[1]).lower()
        if close := difflib.get_close_matches(snake, PLACEHOLDERS, n=1, cutoff=0.75):
            allowed = ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
            raise ValueError(
                f"{name}: {text} is no placeholder, did you mean {{{close[0]}}}? Allowed: {allowed}"
            )


class TotalRequestSpec(_Spec):
    """A request of its own that tells the total.

    Attributes:
        path: below base_url.
        params: query parameters; {since} and {until} stand here too.
    """

    path: str = ""
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)


class TotalSpec(_Spec):
    """Where the number of records stands.

    Attributes:
        path: in the body; this or `header`.
        header: in a header (any case); `Content-Range: 0-9/200` counts as 200.
        request: asked for the total, where the pages do not tell it; needs `path`.
        exact: False makes the total an upper bound that proves nothing.
    """

    path: PathField | None = None
    header: NonEmpty | None = None
    request: TotalRequestSpec | None = None
    exact: bool = True

    @model_validator(mode="after")
    def _stands_in_one_place(self) -> Self:
        if (self.path is None) == (self.header is None):
            raise ValueError("a total is a PATH, {header: NAME} or {path: PATH, request: {path, params}}")
        if self.request is not None and self.path is None:
            raise ValueError(
                "total: request needs a path beside it, which says where its answer holds the total"
            )
        return self


def _total_from_path(value: object) -> object:
    return {"path": value} if isinstance(value, str | list) else value


PaginationType = Literal["page", "offset", "cursor", "next_url", "link_header", "last_record", "none"]
_FIELDS_OF_TYPES: dict[str, frozenset[str]] = {
    "first": frozenset({"page", "offset"}),
    "next": frozenset({"cursor", "next_url"}),
    "field": frozenset({"last_record"}),
}
_NEEDED_BY_TYPE = {"cursor": "next", "next_url": "next", "last_record": "field"}
_DRIVER_OF_TYPE = {"page": "page", "offset": "offset", "cursor": "cursor", "last_record": "cursor"}


class PaginationSpec(_Spec):
    """How one page leads to the next.

    Attributes:
        type: how the following page is known.
        first: the first {page} (default 1) or {offset} (default 0).
        next: PATH of the next cursor or URL.
        field: PATH of the last record's field that becomes {cursor}.
        has_more: PATH of a boolean that says go on; outranks `next`.
        done: PATH of a boolean that says stop; outranks `next`.
        total: where the number of records stands.
        max_records: how many records one query of this API can reach; a larger window is read in parts.
        max_pages: where a read ends as an error, lest it follow an API without an end for ever.
    """

    type: PaginationType = "none"
    first: int | None = Field(default=None, ge=0)
    next: PathField | None = None
    field: PathField | None = None
    has_more: PathField | None = None
    done: PathField | None = None
    total: (
        Annotated[
            TotalSpec, BeforeValidator(_total_from_path, json_schema_input_type=str | list[str] | TotalSpec)
        ]
        | None
    ) = None
    max_records: int | None = Field(default=None, gt=0)
    max_pages: int = Field(default=1_000_000, gt=0)

    @model_validator(mode="after")
    def _words_fit_the_type(self) -> Self:
        for word, types in _FIELDS_OF_TYPES.items():
            if getattr(self, word) is not None and self.type not in types:
                raise ValueError(f"`{word}` belongs to type {' or '.join(sorted(types))}, not to {self.type}")
        needed = _NEEDED_BY_TYPE.get(self.type)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"type {self.type} needs `{needed}`, a PATH")
        if self.has_more is not None and self.done is not None:
            raise ValueError("has_more and done say the same thing; give one of them")
        if self.max_records is not None and self.total is None:
            raise ValueError("max_records needs total, which says when a window is too large")
        return self

    def require_driver_in(self, request: RequestSpec) -> None:
        """Check that the request changes from page to page.

        Raises:
            ValueError: the placeholder that drives this pagination is nowhere in the request, so that the
                same page would be read for ever.
        """
        driver = _DRIVER_OF_TYPE.get(self.type)
        if driver is not None and driver not in request.placeholders():
            raise ValueError(
                f"pagination type {self.type} needs {{{driver}}} in the request's params, headers or json"
            )


class RateLimitSpec(_Spec):
    """The API's own limit, and how long to wait when it says "too fast".

    Attributes:
        max_requests: at most this many requests in any `per_s` seconds.
        per_s: the length of that window, in seconds.
        max_in_flight: at most this many requests at the same time.
        reset_header: the header that says when the limit ends, read where Retry-After is absent.
        reset_format: how that header is written.
        wait_s: the wait where neither header tells it.
        max_waiting_s: a sync gives up after waiting this many seconds in all.
    """

    max_requests: int | None = Field(default=None, gt=0)
    per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_in_flight: int | None = Field(default=None, gt=0)
    reset_header: NonEmpty | None = None
    reset_format: Literal["epoch_s", "seconds", "iso8601"] = "epoch_s"
    wait_s: Seconds | None = None
    max_waiting_s: Seconds = 3600

    @model_validator(mode="after")
    def _rate_is_whole(self) -> Self:
        if (self.max_requests is None) != (self.per_s is None):
            raise ValueError("max_requests and per_s go together: max_requests requests in any per_s seconds")
        if "reset_format" in self.model_fields_set and self.reset_header is None:
            raise ValueError("reset_format needs reset_header, the name of the header that it describes")
        return self


class RetrySpec(_Spec):
    """How often a failed request is asked again.

    Attributes:
        count: tries after the first one.
        delay_s: base of the exponential backoff: the n-th wait is random between 0 and delay_s * 2**n.
    """

    count: int = Field(default=3, ge=0)
    delay_s: Seconds = 5


class ResponseAction(_Spec):
    """What to do with an answer that the standard policy would judge wrongly; the first match wins.

    Attributes:
        status: one status or several; absent matches any.
        headers: name (any case) and the value or values it must have.
        body: PATH and the value or values that must stand there.
        action: rate_limited waits and is no failed try; end_of_pages says that nothing is behind, and takes
            the records of a successful answer.
        message: PATH of the API's reason, for `fail`; quoted only where it is a bare code.
    """

    status: int | list[int] | None = None
    headers: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    body: dict[str, Scalar | list[Scalar | None] | None] = Field(default_factory=dict)
    action: Literal["retry", "rate_limited", "end_of_pages", "fail"]
    message: PathField | None = None

    @field_validator("body")
    @classmethod
    def _keys_are_paths(cls, body: dict[str, object]) -> dict[str, object]:
        for path in body:
            JsonPath.parse(path)
        return body

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        if self.status is None and not self.headers and not self.body:
            raise ValueError(
                "an action needs a status, headers or body to match; without one it takes every answer"
            )
        if self.message is not None and self.action != "fail":
            raise ValueError("message belongs to action: fail")
        return self
