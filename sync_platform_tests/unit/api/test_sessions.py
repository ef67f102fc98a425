"""Which proxy stands between us and an API, and who is trusted."""

import asyncio
import base64
import ssl
from pathlib import Path

import aiohttp
import certifi
import pytest

from sync_platform.api.sessions import Connections, open_session

CONNECTIONS = Connections(most=1, keepalive_s=1, resolver=None, asks_before_write=False)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("written", "user"), [("http://{}", None), ("{}", None), ("http://ann:p%40ss@{}", "ann:p@ss")]
)
def test_the_environments_proxy_is_asked_and_told_who_we_are(
    monkeypatch: pytest.MonkeyPatch, variable: str, written: str, user: str | None
) -> None:
    heads: list[list[str]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async def ask() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as proxy:
            host, port = proxy.sockets[0].getsockname()
            monkeypatch.setenv(variable, written.format(f"{host}:{port}"))
            url = "http://api.test/v1"
            async with open_session(url, CONNECTIONS) as session, session.get(url) as reply:
                assert await reply.read() == b"[]"

    asyncio.run(ask())
    [[first, *headers]] = heads
    assert first == "GET http://api.test/v1 HTTP/1.1"
    told = [line.partition(": ")[2] for line in headers if line.startswith("Proxy-Authorization")]
    assert told == ([] if user is None else [f"Basic {base64.b64encode(user.encode()).decode()}"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"])
def test_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")

    async def proxy() -> object:
        async with open_session(url, CONNECTIONS) as session:
            return session._default_proxy  # what it would ask

    assert asyncio.run(proxy()) is None


def test_another_authority_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
    (tmp_path / "authority.pem").write_text(first + end)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    async def trusted() -> int:
        async with open_session("https://api.test/", CONNECTIONS) as session:
            connector = session.connector
            assert isinstance(connector, aiohttp.TCPConnector)
            assert isinstance(connector._ssl, ssl.SSLContext)
            return len(connector._ssl.get_ca_certs())

    assert asyncio.run(trusted()) == 1
