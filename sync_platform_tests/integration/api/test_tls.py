"""An API over TLS that leads to clear text: the token must never go out readable."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_platform.api.client import ApiClient
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import ForeignOriginError
from sync_platform.api.pages import paginator
from sync_platform.api.request import ApiRequest
from sync_platform.api.spec import BearerAuth, PaginationSpec, RetrySpec
from sync_platform_tests import scripted_server as script
from sync_platform_tests.scripted_server import ScriptedServer

LOOPBACK = Path(__file__).with_name("loopback.pem")
TOKEN = "canary-token-7f3a"


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server over TLS, whose certificate the client is told to trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(LOOPBACK))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(LOOPBACK)
    with ScriptedServer(tls=context) as server:
        yield server


def ask(server: ScriptedServer) -> Reply:
    async def once() -> Reply:
        async with ApiClient(
            base_url=server.url,
            auth=BearerAuth(type="bearer", token=TOKEN),
            retries=RetrySpec(count=0),
        ) as client:
            return await client.send(ApiRequest("GET", "/users"))

    return asyncio.run(once())


def test_a_redirect_within_tls_is_followed_with_the_token(secure: ScriptedServer) -> None:
    secure.script("/users", script.redirect(f"{secure.url}/v2/users"))
    secure.script("/v2/users", script.json_reply({"data": []}))
    assert ask(secure).url == f"{secure.url}/v2/users"
    assert secure.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_http_on_the_same_host_is_refused_before_anything_is_sent(
    secure: ScriptedServer, code: int
) -> None:
    with ScriptedServer() as clear:
        clear.script("/users", script.json_reply({"data": []}))
        secure.script("/users", script.redirect(f"{clear.url}/users", code))
        with pytest.raises(ForeignOriginError, match=f"redirected to {clear.url}, where nothing was sent"):
            ask(secure)
        assert clear.requests == []


def test_a_redirect_that_changes_nothing_but_the_scheme_is_refused_too(secure: ScriptedServer) -> None:
    secure.script("/users", script.redirect(f"http://127.0.0.1:{secure.port}/v2/users"))
    with pytest.raises(ForeignOriginError, match="nothing was sent"):
        ask(secure)
    assert len(secure.requests) == 1


def test_a_next_link_to_http_is_refused(secure: ScriptedServer) -> None:
    body = {"data": [{"id": 1}], "next": f"http://127.0.0.1:{secure.port}/users?page=2"}
    secure.script("/users", script.json_reply(body))
    pages = paginator(PaginationSpec.model_validate({"type": "next_url", "next": "next"}), secure.url)
    with pytest.raises(ForeignOriginError, match="nothing was sent"):
        pages.advance(pages.first(), ask(secure), 1, b'{"id": 1}')
