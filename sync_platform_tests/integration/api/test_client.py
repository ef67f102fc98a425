"""The client against a real HTTP server on loopback: retries, limits, bounds and faults."""

import asyncio
from typing import Any

import pytest

from sync_platform.api.client import ApiClient
from sync_platform.api.clock import Clock
from sync_platform.api.envelope import BrokenPageError, open_page, open_reply
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import (
    BodyTooLargeError,
    NotJsonError,
    RedirectError,
    UnauthorizedError,
    WaitedTooLongError,
)
from sync_platform.api.json_path import JsonPath
from sync_platform.api.request import ApiRequest, build_request
from sync_platform.api.spec import (
    BearerAuth,
    RateLimitSpec,
    RequestSpec,
    ResponseAction,
    RetrySpec,
)
from sync_platform.vocabulary import PermanentError, RetryableError, SettingsError
from sync_platform_tests import scripted_server as script
from sync_platform_tests.scripted_server import ScriptedReply, ScriptedServer
from sync_platform_tests.unit.api.fake_clock import STARTED_AT, FakeClock

USERS = ApiRequest("GET", "/users", params=(("page", "1"), ("email", "ann@example.com")))
PAGE = {"data": [{"id": 1}], "total": 1}
OK = script.json_reply(PAGE)


def ask(server: ScriptedServer, asked: ApiRequest = USERS, *, check: Any = None, **options: Any) -> Reply:
    """Send one request with a client of its own, and a clock that does not wait."""
    options.setdefault("clock", FakeClock().clock())

    async def send() -> Reply:
        async with ApiClient(base_url=server.url, **options) as client:
            return await client.send(asked, check)

    return asyncio.run(send())


def test_a_reply_carries_body_headers_clock_and_tries(server: ScriptedServer) -> None:
    dated = script.json_reply(PAGE, headers={"Date": "Wed, 01 May 2024 11:59:30 GMT", "X-Total-Count": "1"})
    server.script("/users", dated)
    reply = ask(server)
    assert (reply.status, reply.tries, reply.ends_pages) == (200, 1, False)
    assert reply.headers["x-total-count"] == "1"
    assert JsonPath.parse("total").find_in(reply.body) == 1
    assert reply.received_at == STARTED_AT
    assert reply.source_clock_at is not None
    assert (STARTED_AT - reply.source_clock_at).total_seconds() == 30


def test_a_request_reaches_the_server_as_the_yaml_wrote_it(server: ScriptedServer) -> None:
    spec = RequestSpec.model_validate(
        {
            "method": "POST",
            "path": "/search",
            "params": {"limit": "{page_size}", "tag": ["a", "b c"], "since": "{since}"},
            "headers": {"X-Tenant": "${TENANT}", "X-Name": "Jörg"},
            "json": {"size": "{page_size}", "after": "{cursor}", "text": "a {brace} and ${OTHER}"},
        }
    )
    server.script("/search", OK)
    request = build_request(spec, {"page_size": 50})
    ask(server, request, request=spec, environment={"TENANT": "t1\n", "OTHER": "x"})
    got = server.requests[0]
    assert got.query == (("limit", "50"), ("tag", "a"), ("tag", "b c"))
    assert (got.headers["x-tenant"], got.headers["x-name"]) == ("t1", "Jörg")
    assert got.body == b'{"size":50,"text":"a {brace} and x"}'
    assert got.headers["content-type"] == "application/json"


def test_a_servers_own_url_is_sent_as_it_came(server: ScriptedServer) -> None:
    server.script("/users", OK)
    query = "c=a%2Bb%3D%3D&d=a+b&e=%E4&g=a%20b&n&o=a%2525&p=1;2"
    ask(server, ApiRequest("GET", f"{server.url}/users?{query}"))
    assert server.requests[0].raw_path == f"/users?{query}"


def test_a_request_read_back_from_the_retry_queue_is_the_same_on_the_wire(server: ScriptedServer) -> None:
    server.script("/users", OK)
    request = ApiRequest("POST", "/users", (("a", "1"), ("a", "2")), (("X-B", "3"),), {"c": [4, None]})
    ask(server, request)
    ask(server, ApiRequest.from_payload(request.to_payload()))
    first, second = server.requests
    assert (first.query, first.body, first.headers["x-b"]) == (
        second.query,
        second.body,
        second.headers["x-b"],
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (script.status(500), "status 500"),
        (script.status(502), "status 502"),
        (script.status(503), "status 503"),
        (script.status(408), "status 408"),
        (script.reset(), "connection was lost"),
        (script.disconnect(), "closed the connection"),
        (script.short_body(PAGE), "cut short"),
        (script.reset_in_body(PAGE), "connection was lost|cut short"),
        (script.garbled_chunks(), "garbled|not HTTP"),
        (script.not_http(), "not HTTP"),
    ],
)
def test_a_passing_fault_is_retried_and_a_lasting_one_ends_as_retryable(
    server: ScriptedServer, fault: ScriptedReply, reason: str
) -> None:
    server.script("/users", fault, fault, OK)
    assert ask(server, retries=RetrySpec(count=2)).tries == 3
    assert len(server.requests) == 3
    server.script("/users", fault)
    with pytest.raises(RetryableError, match=reason) as raised:
        ask(server, retries=RetrySpec(count=1))
    message = str(raised.value)
    assert "GET /users?page&email" in message
    assert "2 times" in message
    assert "ann" not in message


def test_backoff_doubles_up_to_its_jitter(server: ScriptedServer) -> None:
    server.script("/users", script.status(500))
    clock = FakeClock()
    with pytest.raises(RetryableError):
        ask(server, retries=RetrySpec(count=3, delay_s=5), clock=clock.clock())
    assert clock.sleeps_s == [5, 10, 20]


@pytest.mark.parametrize("reply", [script.hang_before_headers(), script.hang_after_headers()])
def test_the_time_out_bounds_the_whole_exchange(server: ScriptedServer, reply: ScriptedReply) -> None:
    server.script("/users", reply)
    with pytest.raises(RetryableError, match="in time"):
        ask(server, timeout_s=0.05, retries=RetrySpec(count=1), clock=FakeClock().clock())
    assert len(server.requests) == 2


def test_an_address_that_nobody_listens_on_is_retryable_and_named() -> None:
    with ScriptedServer() as gone:
        pass
    with pytest.raises(RetryableError, match=f"127.0.0.1:{gone.port}.*refused; check base_url"):
        ask(gone, retries=RetrySpec(count=0))


def test_a_missing_address_says_what_to_check_at_once(server: ScriptedServer) -> None:
    with pytest.raises(PermanentError, match=r"404.*check base_url and request\.path"):
        ask(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_stops_at_once_and_names_the_variable(server: ScriptedServer, code: int) -> None:
    server.script("/users", script.status(code))
    with pytest.raises(UnauthorizedError, match="check EXTERNAL_API_TOKEN") as raised:
        ask(
            server,
            auth=BearerAuth(type="bearer", token="${EXTERNAL_API_TOKEN}"),
            environment={"EXTERNAL_API_TOKEN": "s3cret-token"},
        )
    assert len(server.requests) == 1
    assert server.requests[0].headers["authorization"] == "Bearer s3cret-token"
    assert "s3cret" not in str(raised.value)


def test_an_unset_variable_is_named_before_anything_is_sent(server: ScriptedServer) -> None:
    with pytest.raises(SettingsError, match="EXTERNAL_API_TOKEN is not set"):
        ask(server, auth=BearerAuth(type="bearer", token="${EXTERNAL_API_TOKEN}"), environment={})
    assert server.requests == []


def test_a_web_page_in_place_of_json_is_retried_and_then_named_unquoted(server: ScriptedServer) -> None:
    server.script("/users", script.html_reply(), OK)
    assert ask(server).tries == 2
    server.script("/users", script.html_reply())
    with pytest.raises(NotJsonError, match="text/html") as raised:
        ask(server, retries=RetrySpec(count=1))
    assert "log in" not in str(raised.value)
    server.script("/users", script.body_reply(b"\n <?xml version='1.0'?>"))
    with pytest.raises(NotJsonError):
        ask(server, retries=RetrySpec(count=0))


def test_a_gzip_bomb_is_stopped_while_it_unfolds_and_not_asked_again(server: ScriptedServer) -> None:
    server.script("/users", script.gzip_bomb(decoded_mb=64))
    with pytest.raises(BodyTooLargeError, match="larger than 2 MiB"):
        ask(server, max_body_mb=2)
    assert len(server.requests) == 1


def test_a_large_plain_body_is_capped_too(server: ScriptedServer) -> None:
    server.script("/users", script.body_reply(b" " * (2**20 + 1)))
    with pytest.raises(BodyTooLargeError):
        ask(server, max_body_mb=1)


def test_a_compressed_body_is_decoded(server: ScriptedServer) -> None:
    server.script("/users", script.gzip_reply(b'{"total": 7}'))
    assert ask(server).body == b'{"total": 7}'


def test_stacked_and_broken_compression_are_refused(server: ScriptedServer) -> None:
    server.script("/users", script.body_reply(b"x", headers={"Content-Encoding": "gzip, gzip"}))
    with pytest.raises(PermanentError, match="more than once"):
        ask(server)
    server.script("/users", script.body_reply(b"not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(RetryableError, match="compression is broken"):
        ask(server, retries=RetrySpec(count=0))


def test_a_check_that_fails_counts_as_a_failed_try(server: ScriptedServer) -> None:
    def check(reply: Reply) -> None:
        open_page(reply.body, JsonPath.parse("data"))

    server.script("/users", script.body_reply(b'{"data": [1'), OK)
    assert ask(server, check=check).tries == 2
    server.script("/users", script.body_reply(b'{"data": [1'))
    with pytest.raises(BrokenPageError):
        ask(server, check=check, retries=RetrySpec(count=1))


def test_retry_after_is_waited_for_and_is_no_failed_try(server: ScriptedServer) -> None:
    clock = FakeClock()
    server.script("/users", *[script.status(429, {"Retry-After": "7"})] * 5, OK)
    reply = ask(server, clock=clock.clock(), retries=RetrySpec(count=0))
    assert reply.tries == 1
    assert clock.sleeps_s == [7] * 5


def test_a_retry_after_beyond_the_bound_fails_at_once_and_tells_it(server: ScriptedServer) -> None:
    for code in (429, 503):
        server.script("/users", script.status(code, {"Retry-After": "121"}))
        with pytest.raises(RetryableError) as raised:
            ask(server, max_retry_after_s=120)
        assert raised.value.retry_after_s == 121
    assert len(server.requests) == 2


def test_retry_after_as_a_date_counts_from_the_servers_own_clock(server: ScriptedServer) -> None:
    clock = FakeClock()
    headers = {"Date": "Tue, 01 Jan 2030 00:00:00 GMT", "Retry-After": "Tue, 01 Jan 2030 00:00:40 GMT"}
    server.script("/users", script.status(503, headers), OK)
    ask(server, clock=clock.clock())
    assert clock.sleeps_s == [40]


def test_endless_429_ends_after_max_waiting_s(server: ScriptedServer) -> None:
    clock = FakeClock()
    server.script("/users", script.status(429, {"Retry-After": "60"}))
    with pytest.raises(WaitedTooLongError, match="max_waiting_s"):
        ask(server, clock=clock.clock(), rate_limit=RateLimitSpec(max_waiting_s=600))
    assert clock.elapsed_s == 600


def test_a_429_that_asks_to_wait_nothing_does_not_become_a_tight_loop(server: ScriptedServer) -> None:
    server.script("/users", script.status(429, {"Retry-After": "0"}))
    with pytest.raises(WaitedTooLongError):
        ask(server, rate_limit=RateLimitSpec(max_waiting_s=600))
    assert len(server.requests) < 30


@pytest.mark.parametrize(
    ("reset_format", "value"),
    [("epoch_s", "1714564830"), ("seconds", "30"), ("iso8601", "2024-05-01T12:00:30Z")],
)
def test_the_apis_own_reset_header_tells_the_wait(
    server: ScriptedServer, reset_format: str, value: str
) -> None:
    clock = FakeClock()
    headers = {"X-Reset": value, "Date": "Wed, 01 May 2024 12:00:00 GMT"}
    server.script("/users", script.status(429, headers), OK)
    limit = RateLimitSpec.model_validate({"reset_header": "x-reset", "reset_format": reset_format})
    ask(server, clock=clock.clock(), rate_limit=limit)
    assert clock.sleeps_s == [30]


def test_wait_s_is_the_wait_of_a_limit_that_says_nothing(server: ScriptedServer) -> None:
    clock = FakeClock()
    server.script("/users", script.status(429), OK)
    ask(server, clock=clock.clock(), rate_limit=RateLimitSpec(wait_s=9))
    assert clock.sleeps_s == [9]


@pytest.mark.parametrize("code", [429, 503])
def test_one_answer_that_asks_to_wait_slows_all_readers_down_and_counts_once(
    server: ScriptedServer, code: int
) -> None:
    clock = FakeClock()
    server.script("/users", script.status(code, {"Retry-After": "10"}), OK)

    async def read() -> float:
        async with ApiClient(base_url=server.url, clock=clock.clock()) as client:
            with_wait = client.send(USERS)
            await asyncio.gather(with_wait, *(client.send(USERS) for _ in range(3)))
            await client.send(USERS)
            return client.waited_s

    assert asyncio.run(read()) == 10
    assert clock.elapsed_s == 10


def test_no_window_ever_holds_more_than_max_requests(server: ScriptedServer) -> None:
    server.script("/users", OK)
    limit = RateLimitSpec(max_requests=5, per_s=0.05)

    async def read() -> None:
        async with ApiClient(base_url=server.url, rate_limit=limit, clock=Clock()) as client:
            await asyncio.gather(*(client.send(USERS) for _ in range(20)))

    asyncio.run(read())
    arrivals = [request.at_s for request in server.requests]
    assert all(later - earlier >= 0.05 for earlier, later in zip(arrivals, arrivals[5:], strict=False))


def test_max_in_flight_bounds_concurrent_requests(server: ScriptedServer) -> None:
    server.script("/users", script.slow(OK, before_headers_s=0.005))

    async def read() -> None:
        async with ApiClient(base_url=server.url, rate_limit=RateLimitSpec(max_in_flight=3)) as client:
            await asyncio.gather(*(client.send(USERS) for _ in range(12)))

    asyncio.run(read())
    assert server.max_in_flight == 3


def test_response_actions_outrank_the_standard_policy(server: ScriptedServer) -> None:
    actions = [
        ResponseAction.model_validate(
            {"status": 403, "body": {"reason": ["quota"]}, "action": "rate_limited"}
        ),
        ResponseAction.model_validate({"status": 404, "action": "end_of_pages"}),
        ResponseAction.model_validate({"body": {"[0].errorCode": "BUSY"}, "action": "retry"}),
        ResponseAction.model_validate({"body": {"ok": False}, "action": "fail", "message": "code"}),
    ]
    server.script("/users", script.json_reply({"reason": "quota"}, 403), OK)
    assert ask(server, response_actions=actions).tries == 1
    server.script("/users", script.json_reply([{"errorCode": "BUSY"}]), OK)
    assert ask(server, response_actions=actions).tries == 2
    server.script("/users", script.status(404))
    assert ask(server, response_actions=actions).ends_pages
    server.script("/users", script.json_reply({"ok": False, "code": "invalid_cursor"}))
    with pytest.raises(PermanentError, match=r"response_actions\[3\] says fail \(invalid_cursor\)"):
        ask(server, response_actions=actions)
    server.script("/users", script.json_reply({"ok": False, "code": "Ann Smith is unknown"}))
    with pytest.raises(PermanentError) as raised:
        ask(server, response_actions=actions)
    assert "Ann" not in str(raised.value)


def test_no_content_is_an_empty_last_page(server: ScriptedServer) -> None:
    server.script("/users", script.status(204))
    reply = ask(server)
    assert reply.ends_pages
    assert open_reply(reply, JsonPath.parse("data")).record_count == 0


def test_an_answer_that_ends_the_pages_may_hold_records_or_none(server: ScriptedServer) -> None:
    ends = [ResponseAction.model_validate({"status": [200, 404], "action": "end_of_pages"})]
    path = JsonPath.parse("data")
    for reply, count in ((OK, 1), (script.json_reply({"error": "done"}), 0), (script.html_reply(404), 0)):
        server.script("/users", reply)
        assert open_reply(ask(server, response_actions=ends), path).record_count == count
    server.script("/users", script.body_reply(b'{"data": [1'))
    with pytest.raises(BrokenPageError):
        open_reply(ask(server, response_actions=ends), path)


def test_an_answer_that_ends_the_pages_is_asked_again_where_it_is_cut_short(server: ScriptedServer) -> None:
    ends = [ResponseAction.model_validate({"status": 200, "action": "end_of_pages"})]
    server.script("/users", script.body_reply(b'{"data": [1'), OK)
    path = JsonPath.parse("data")
    reply = ask(server, response_actions=ends, check=lambda reply: open_reply(reply, path))
    assert (reply.tries, reply.ends_pages) == (2, True)


def test_redirects_on_the_same_origin_are_followed_with_the_token(server: ScriptedServer) -> None:
    server.script("/users", script.redirect("/v2/users?page=1"))
    server.script("/v2/users", OK)
    reply = ask(server, auth=BearerAuth(type="bearer", token="s3cret"))
    assert reply.url == f"{server.url}/v2/users?page=1"
    assert server.requests[1].headers["authorization"] == "Bearer s3cret"


def test_a_redirected_post_becomes_a_get_unless_307(server: ScriptedServer) -> None:
    server.script("/moved", OK)
    for code, method in ((303, "GET"), (307, "POST")):
        server.script("/users", script.redirect("/moved", code))
        ask(server, ApiRequest("POST", "/users", json_body={"a": 1}))
        assert server.requests[-1].method == method


def test_redirects_to_elsewhere_are_refused_before_anything_goes_there(server: ScriptedServer) -> None:
    with ScriptedServer() as thief:
        thief.script("/users", OK)
        for location in (f"{thief.url}/users", f"//127.0.0.1:{thief.port}/users", "https://127.0.0.1/users"):
            server.script("/users", script.redirect(location))
            with pytest.raises(PermanentError, match="nothing was sent"):
                ask(server, auth=BearerAuth(type="bearer", token="s3cret"))
        assert thief.requests == []


def test_redirects_in_a_circle_and_without_end_are_noticed(server: ScriptedServer) -> None:
    server.script("/users", script.redirect("/b"))
    server.script("/b", script.redirect("/users?page=1&email=ann%40example.com"))
    with pytest.raises(RedirectError, match="circle"):
        ask(server)
    server.script("/users", *[script.redirect(f"/users?n={n}") for n in range(10)])
    with pytest.raises(RedirectError, match="more than 5"):
        ask(server)


def test_no_cookie_is_kept(server: ScriptedServer) -> None:
    server.script("/users", script.json_reply(PAGE, headers={"Set-Cookie": "session=1; Path=/"}))

    async def twice() -> None:
        async with ApiClient(base_url=server.url) as client:
            await client.send(USERS)
            await client.send(USERS)

    asyncio.run(twice())
    assert "cookie" not in server.requests[1].headers


def test_a_server_cannot_ask_for_our_environment_through_a_cursor(server: ScriptedServer) -> None:
    server.script("/users", OK)
    spec = RequestSpec(path="/users", params={"cursor": "{cursor}"}, headers={"X-Cursor": "{cursor}"})
    environment = {"DATABASE_URL": "postgresql://secret"}
    ask(server, build_request(spec, {"cursor": "${DATABASE_URL}"}), request=spec, environment=environment)
    assert server.requests[0].param("cursor") == "${DATABASE_URL}"
    with pytest.raises(PermanentError, match="no valid text"):
        ask(server, build_request(RequestSpec(params={"c": "{cursor}"}), {"cursor": "\ud800"}))
    with pytest.raises(PermanentError, match="control characters"):
        ask(server, build_request(spec, {"cursor": "a\r\nX-Evil: 1"}), request=spec)
