"""The grammar: what is taken, and what is refused with words that tell what is allowed."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sync_platform.api.json_path import JsonPath
from sync_platform.api.spec import (
    AuthSpec,
    PaginationSpec,
    RateLimitSpec,
    RequestSpec,
    ResponseAction,
    RetrySpec,
)

AUTH: TypeAdapter[AuthSpec] = TypeAdapter(AuthSpec)


@pytest.mark.parametrize(
    "yaml",
    [
        {"type": "none"},
        {"type": "bearer", "token": "${T}"},
        {"type": "header", "name": "X-Key", "value": "${T}"},
        {"type": "query", "name": "key", "value": "${T}"},
        {"type": "basic", "username": "u", "password": "${T}"},
        {"type": "oauth2", "token_url": "/t", "client_id": "i", "client_secret": "s", "extra": {"a": "b"}},
    ],
)
def test_every_auth_is_taken_and_never_shows_its_secret(yaml: dict[str, Any]) -> None:
    auth = AUTH.validate_python(yaml)
    assert auth.type == yaml["type"]
    assert "${T}" not in repr(auth)


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ({"type": "digest"}, "'none', 'bearer', 'header', 'query', 'basic', 'oauth2'"),
        ({"token": "x"}, "type"),
        ({"type": "bearer"}, "token"),
        ({"type": "bearer", "token": ""}, "at least 1 character"),
        ({"type": "bearer", "token": "x", "tokn": "y"}, "tokn"),
        (
            {"type": "oauth2", "token_url": "/t", "client_id": "i", "client_secret": "s", "send": "xml"},
            "'form' or 'json'",
        ),
    ],
)
def test_a_wrong_auth_is_refused(yaml: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AUTH.validate_python(yaml)


def test_the_seeds_request_is_taken() -> None:
    spec = RequestSpec.model_validate(
        {
            "path": "/users",
            "params": {"page": "{page}", "limit": "{page_size}", "updated_since": "{since}"},
            "headers": {"Accept": "application/json"},
        }
    )
    assert spec.method == "GET"
    assert spec.placeholders() == {"page", "page_size", "since"}


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ({"method": "PUT"}, "'GET' or 'POST'"),
        ({"path": "/users/{page}"}, "params, headers or json, not in path"),
        ({"params": {"limit": "{pageSize}"}}, r"did you mean \{page_size\}"),
        ({"params": {"x": ["{curser}"]}}, r"did you mean \{cursor\}"),
        ({"headers": {"X-Since": "{sinse}"}}, r"Allowed: \{since\}, \{until\}"),
        ({"json": {"a": 1}}, "json needs method: POST"),
        ({"parms": {}}, "parms"),
        ({"params": {"a": {"b": 1}}}, "params"),
    ],
)
def test_a_wrong_request_is_refused(yaml: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RequestSpec.model_validate(yaml)


def test_other_braces_in_a_request_are_plain_text() -> None:
    yaml = {"method": "POST", "params": {"q": "{name}", "r": "{}"}, "json": {"query": "{ users { id } }"}}
    assert RequestSpec.model_validate(yaml).placeholders() == frozenset()


@pytest.mark.parametrize(
    "yaml",
    [
        {},
        {"type": "page", "total": "total"},
        {"type": "offset", "first": 1, "total": {"header": "X-Total-Count"}},
        {"type": "cursor", "next": "paging.next.after", "has_more": "more"},
        {"type": "next_url", "next": ["@odata.nextLink"], "total": {"path": "n", "exact": False}},
        {"type": "link_header"},
        {"type": "last_record", "field": "id", "done": "done"},
        {
            "type": "page",
            "total": {"path": "n", "request": {"path": "/count", "params": {"a": 1}}},
            "max_records": 5,
        },
    ],
)
def test_every_pagination_is_taken(yaml: dict[str, Any]) -> None:
    assert PaginationSpec.model_validate(yaml).type == yaml.get("type", "none")


def test_a_total_is_a_path_in_short() -> None:
    total = PaginationSpec.model_validate({"type": "page", "total": "meta.total"}).total
    assert total is not None
    assert (total.path, total.exact) == (JsonPath.parse("meta.total"), True)


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ({"type": "pages"}, "'page', 'offset', 'cursor', 'next_url', 'link_header', 'last_record' or 'none'"),
        ({"type": "cursor"}, "type cursor needs `next`"),
        ({"type": "next_url"}, "type next_url needs `next`"),
        ({"type": "last_record"}, "type last_record needs `field`"),
        ({"type": "page", "next": "a"}, "`next` belongs to type cursor or next_url, not to page"),
        ({"type": "cursor", "next": "a", "first": 0}, "`first` belongs to type offset or page"),
        ({"type": "page", "field": "id"}, "`field` belongs to type last_record"),
        ({"type": "page", "first": -1}, "greater than or equal to 0"),
        ({"type": "page", "total": "a..b"}, "is not a path: a path is dotted"),
        ({"type": "page", "total": {}}, r"a total is a PATH, \{header: NAME\}"),
        ({"type": "page", "total": {"header": "X", "request": {"path": "/n"}}}, "request needs a path"),
        ({"type": "page", "has_more": "a", "done": "b"}, "give one of them"),
        ({"type": "page", "max_records": 10}, "max_records needs total"),
    ],
)
def test_a_wrong_pagination_is_refused(yaml: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PaginationSpec.model_validate(yaml)


def test_a_request_that_never_changes_is_refused() -> None:
    pagination = PaginationSpec.model_validate({"type": "offset"})
    with pytest.raises(ValueError, match=r"needs \{offset\} in the request"):
        pagination.require_driver_in(RequestSpec(path="/users", params={"page": "{page}"}))
    pagination.require_driver_in(RequestSpec(path="/users", params={"skip": "{offset}"}))


@pytest.mark.parametrize(
    ("model", "yaml", "words"),
    [
        (RateLimitSpec, {"max_requests": 10}, "max_requests and per_s go together"),
        (RateLimitSpec, {"per_s": 10}, "max_requests and per_s go together"),
        (RateLimitSpec, {"max_requests": 0, "per_s": 1}, "greater than 0"),
        (RateLimitSpec, {"reset_format": "seconds"}, "reset_format needs reset_header"),
        (RateLimitSpec, {"reset_header": "X", "reset_format": "ms"}, "'epoch_s', 'seconds' or 'iso8601'"),
        (RateLimitSpec, {"wait_s": -1}, "greater than or equal to 0"),
        (RetrySpec, {"count": -1}, "greater than or equal to 0"),
        (RetrySpec, {"delay_s": float("inf")}, "finite"),
        (ResponseAction, {"action": "retry"}, "needs a status, headers or body"),
        (
            ResponseAction,
            {"status": 200, "action": "stop"},
            "'retry', 'rate_limited', 'end_of_pages' or 'fail'",
        ),
        (ResponseAction, {"body": {"a..b": 1}, "action": "fail"}, "is not a path"),
        (
            ResponseAction,
            {"status": 200, "action": "retry", "message": "m"},
            "message belongs to action: fail",
        ),
    ],
)
def test_wrong_limits_retries_and_actions_are_refused(model: Any, yaml: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        model.model_validate(yaml)


def test_the_models_have_a_json_schema_for_editors() -> None:
    schema = PaginationSpec.model_json_schema()
    assert {"type": "string"} in schema["properties"]["next"]["anyOf"]
