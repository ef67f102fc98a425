"""Authentication against a real HTTP server: what requests carry, and the life of an OAuth2 token."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import TypeAdapter

from sync_platform.api.client import ApiClient
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import UnauthorizedError
from sync_platform.api.request import ApiRequest
from sync_platform.api.spec import AuthSpec, RequestSpec, RetrySpec
from sync_platform_tests import scripted_server as script
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer
from sync_platform_tests.unit.api.fake_clock import FakeClock

OK = script.json_reply({"data": []})
USERS = ApiRequest("GET", "/users")
ENVIRONMENT = {"SECRET": "s3cret/=?", "CLIENT_ID": "id", "CLIENT_SECRET": "shh&="}
OAUTH2 = {
    "type": "oauth2",
    "token_url": "/oauth/token",
    "client_id": "${CLIENT_ID}",
    "client_secret": "${CLIENT_SECRET}",
}


def auth_of(yaml: dict[str, Any]) -> AuthSpec:
    adapter: TypeAdapter[AuthSpec] = TypeAdapter(AuthSpec)
    return adapter.validate_python(yaml)


def token_reply(token: str, **more: Any) -> ScriptedReply:
    return script.json_reply({"access_token": token, "token_type": "Bearer", **more})


def send_all(
    server: ScriptedServer,
    auth: dict[str, Any],
    *rounds: int,
    pause_s: float = 0,
    request: ApiRequest = USERS,
) -> list[Reply]:
    """Send each round's number of requests at the same time, with `pause_s` between the rounds."""
    clock = FakeClock()

    async def send() -> list[Reply]:
        replies: list[Reply] = []
        async with ApiClient(
            base_url=server.url,
            auth=auth_of(auth),
            environment=ENVIRONMENT,
            clock=clock.clock(),
            retries=RetrySpec(count=1),
        ) as client:
            for count in rounds:
                replies += await asyncio.gather(*(client.send(request) for _ in range(count)))
                clock.elapsed_s += pause_s
        return replies

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "${SECRET}"}, "authorization", "Bearer s3cret/=?"),
        ({"type": "header", "name": "X-Key", "value": "k-${SECRET}"}, "x-key", "k-s3cret/=?"),
        (
            {"type": "basic", "username": "ann", "password": "${SECRET}"},
            "authorization",
            "Basic YW5uOnMzY3JldC89Pw==",
        ),
    ],
)
def test_headers_of_authentication(
    server: ScriptedServer, auth: dict[str, Any], header: str, value: str
) -> None:
    server.script("/users", OK)
    send_all(server, auth, 1)
    assert server.requests[0].headers[header] == value


@pytest.mark.parametrize(
    ("environment", "sent"), [({"SECRET": "t"}, "Bearer t"), ({}, None), ({"SECRET": " "}, None)]
)
def test_an_optional_token_is_left_out_where_its_variable_is_unset(
    server: ScriptedServer, environment: dict[str, str], sent: str | None
) -> None:
    auth = auth_of({"type": "bearer", "token": "${SECRET}", "optional": True})

    async def send() -> None:
        async with ApiClient(base_url=server.url, auth=auth, environment=environment) as client:
            await client.send(USERS)

    server.script("/users", OK)
    asyncio.run(send())
    assert server.requests[0].headers.get("authorization") == sent


def test_a_query_key_is_sent_once_even_where_the_next_url_repeats_it(server: ScriptedServer) -> None:
    server.script("/users", OK)
    auth = {"type": "query", "name": "api_key", "value": "${SECRET}"}
    for url in ("/users?page=2", "/users?page=2&api_key=old"):
        (reply,) = send_all(server, auth, 1, request=ApiRequest("GET", url))
        assert server.requests[-1].query == (("page", "2"), ("api_key", "s3cret/=?"))
        assert "s3cret" not in reply.url


@pytest.mark.parametrize("spelling", ["s3cret/%3D%3F", "s3cret%2F%3D%3F"])
def test_a_stored_request_holds_no_secret_and_asks_the_same(server: ScriptedServer, spelling: str) -> None:
    server.script("/users", OK)
    spec = RequestSpec(path="/users", params={"tenant": "${SECRET}"})
    client = ApiClient(
        base_url=server.url,
        auth=auth_of({"type": "query", "name": "api_key", "value": "k3y"}),
        request=spec,
        environment=ENVIRONMENT,
    )
    echoed = ApiRequest("GET", f"{server.url}/users?page=2&tenant={spelling}&api_key=k3y")

    async def send() -> None:
        async with client:
            await client.send(client.without_secrets(echoed))
            await client.send(echoed)

    asyncio.run(send())
    assert client.without_secrets(echoed).url == f"{server.url}/users?page=2&tenant=${{SECRET}}"
    assert sorted(server.requests[0].query) == sorted(server.requests[1].query)


@pytest.mark.parametrize("send_as", ["form", "json"])
def test_the_token_request_is_sent_as_the_yaml_says(server: ScriptedServer, send_as: str) -> None:
    server.script("/oauth/token", token_reply("t1"))
    server.script("/users", OK)
    send_all(server, OAUTH2 | {"send": send_as, "scope": "read", "extra": {"audience": "a"}}, 1)
    asked = server.requests_to("/oauth/token")[0]
    fields = dict(parse_qsl(asked.body.decode())) if send_as == "form" else json.loads(asked.body)
    assert fields == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "shh&=",
        "scope": "read",
        "audience": "a",
    }
    assert server.requests_to("/users")[0].headers["authorization"] == "Bearer t1"


def test_many_readers_fetch_one_token(server: ScriptedServer) -> None:
    server.script("/oauth/token", token_reply("t1"))
    server.script("/users", OK)
    send_all(server, OAUTH2, 8, 8, pause_s=10**6)
    assert len(server.requests_to("/oauth/token")) == 1


@pytest.mark.parametrize("expires_in", [100, "100"])
def test_a_token_is_renewed_before_it_expires(server: ScriptedServer, expires_in: object) -> None:
    server.script("/oauth/token", token_reply("t1", expires_in=expires_in), token_reply("t2", expires_in=100))
    server.script("/users", OK)
    send_all(server, OAUTH2, 1, 1, 1, pause_s=46)
    used = [request.headers["authorization"] for request in server.requests_to("/users")]
    assert used == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_refused_token_is_renewed_once_by_all_readers_together(server: ScriptedServer) -> None:
    def users(request: RecordedRequest) -> ScriptedReply:
        return OK if request.headers["authorization"] == "Bearer t2" else script.status(401)

    server.script("/oauth/token", token_reply("t1"), token_reply("t2"))
    server.script("/users", users)
    replies = send_all(server, OAUTH2, 8)
    assert [reply.tries for reply in replies] == [1] * 8
    assert len(server.requests_to("/oauth/token")) == 2


def test_a_401_with_a_fresh_token_ends_it_and_403_renews_nothing(server: ScriptedServer) -> None:
    server.script("/oauth/token", token_reply("t1"))
    for code, renewals in ((401, 1), (403, 0)):
        server.requests.clear()
        server.script("/users", script.status(code))
        with pytest.raises(UnauthorizedError, match="CLIENT_ID and CLIENT_SECRET"):
            send_all(server, OAUTH2, 1)
        assert len(server.requests_to("/oauth/token")) == 1 + renewals


def test_a_token_endpoint_that_refuses_names_the_variables(server: ScriptedServer) -> None:
    server.script("/oauth/token", script.json_reply({"error": "invalid_client"}, 400))
    with pytest.raises(UnauthorizedError, match="CLIENT_ID and CLIENT_SECRET") as raised:
        send_all(server, OAUTH2, 1)
    assert "shh" not in str(raised.value)
    server.script("/oauth/token", script.json_reply({"token": "?"}))
    with pytest.raises(UnauthorizedError, match="access_token"):
        send_all(server, OAUTH2, 1)


def test_a_token_endpoint_that_stumbles_is_asked_again(server: ScriptedServer) -> None:
    server.script("/oauth/token", script.status(503), token_reply("t1"))
    server.script("/users", OK)
    assert send_all(server, OAUTH2, 1)[0].status == 200


def test_the_token_may_come_from_another_host_which_gets_no_token(server: ScriptedServer) -> None:
    with ScriptedServer() as identity:
        identity.script("/token", token_reply("t1"))
        server.script("/users", OK)
        send_all(server, OAUTH2 | {"token_url": f"{identity.url}/token"}, 1)
        assert "authorization" not in identity.requests[0].headers
    assert server.requests[0].headers["authorization"] == "Bearer t1"


def test_the_api_cannot_ask_for_the_client_secret_through_a_cursor(server: ScriptedServer) -> None:
    server.script("/oauth/token", token_reply("t1"))
    server.script("/users", OK)
    send_all(server, OAUTH2, 1, request=ApiRequest("GET", "/users", (("cursor", "${CLIENT_SECRET}"),)))
    assert server.requests_to("/users")[0].param("cursor") == "${CLIENT_SECRET}"
