"""A request from its template, and through the retry queue."""

import json

from sync_platform.api.request import ApiRequest, build_request
from sync_platform.api.spec import RequestSpec

SPEC = RequestSpec.model_validate(
    {
        "method": "POST",
        "path": "/users",
        "params": {"page": "{page}", "tags": ["a", True], "after": "{cursor}", "key": "${KEY}"},
        "headers": {"X-Since": "{since}"},
        "json": {"filter": {"since": "{since}"}, "size": "{page_size}"},
    }
)


def test_a_request_is_made_from_its_template() -> None:
    assert build_request(SPEC, {"page": 2, "since": "2024", "page_size": 10}) == ApiRequest(
        method="POST",
        url="/users",
        params=(("page", "2"), ("tags", "a"), ("tags", "true"), ("key", "${KEY}")),
        headers=(("X-Since", "2024"),),
        json_body={"filter": {"since": "2024"}, "size": 10},
    )


def test_what_has_no_value_is_left_out() -> None:
    request = build_request(SPEC, {})
    assert request.params == (("tags", "a"), ("tags", "true"), ("key", "${KEY}"))
    assert request.headers == ()
    assert request.json_body == {}


def test_the_servers_own_url_is_used_as_it_comes() -> None:
    request = build_request(SPEC, {"page": 2}, next_url="https://h/users?c=a%2Fb")
    assert (request.url, request.params) == ("https://h/users?c=a%2Fb", ())


def test_a_stored_request_comes_back_exactly() -> None:
    request = build_request(SPEC, {"page": 2, "since": "2024", "page_size": 10})
    assert ApiRequest.from_payload(json.loads(json.dumps(request.to_payload()))) == request


def test_a_description_names_parameters_and_no_values() -> None:
    request = ApiRequest("GET", "https://h/users?cursor=ann@example.com", (("limit", "100"), ("limit", "5")))
    assert request.describe() == "GET /users?cursor&limit"
    assert ApiRequest("GET", "").describe() == "GET /"
