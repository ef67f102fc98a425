"""The sandbox's one server on loopback: its systems, its token, its latency, and telling where it is.

Here belongs what all the systems share. Each system adds its own routes.
"""

import asyncio
import hmac
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sync_platform.sandbox.users import STATIC_MOMENT, Moment, Population, moment_at
from sync_platform.sandbox.users_api import UsersApi

HOST = "127.0.0.1"
_GOODBYE_S = 0.5


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What a sandbox serves, and how.

    Attributes:
        users: how many people there are before anyone joins.
        seed: another seed gives other people.
        latency_ms: how long every answer waits.
        port: 0 takes a free one.
        token: the bearer token that every request must carry.
        is_static: nobody changes and nobody joins.
    """

    users: int = 5000
    seed: int = 1
    latency_ms: float = 0.0
    port: int = 0
    token: str = "sandbox-token"  # noqa: S105 - made up, and it opens nothing but made-up people
    is_static: bool = False


def build_app(options: SandboxOptions) -> web.Application:
    """Put the systems together behind the bearer token."""
    app = web.Application(middlewares=[_delay(options.latency_ms), _require_token(options.token)])
    UsersApi(Population(options.users, options.seed), _clock(options)).add_routes(app)
    return app


async def serve(options: SandboxOptions, announce: Callable[[dict[str, str]], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        options: what to serve.
        announce: called once, when requests are answered, with the environment variables that the sandbox
            stands in for.

    Raises:
        OSError: the port is taken.
    """
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    runner = web.AppRunner(build_app(options), access_log=None, shutdown_timeout=_GOODBYE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, options.port).start()
        _, port = runner.addresses[0][:2]
        announce({"EXTERNAL_API_URL": f"http://{HOST}:{port}", "EXTERNAL_API_TOKEN": options.token})
        await stopped.wait()
    finally:
        await runner.cleanup()


def _clock(options: SandboxOptions) -> Callable[[], Moment]:
    return (lambda: STATIC_MOMENT) if options.is_static else (lambda: moment_at(datetime.now(UTC)))


def _delay(latency_ms: float) -> Middleware:
    @web.middleware
    async def wait_first(request: web.Request, handler: Handler) -> web.StreamResponse:
        if latency_ms:
            await asyncio.sleep(latency_ms / 1000)
        return await handler(request)

    return wait_first


def _require_token(token: str) -> Middleware:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        if hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return await handler(request)
        return web.json_response(
            {"error": "a valid bearer token is required"}, status=401, headers={"WWW-Authenticate": "Bearer"}
        )

    return check_token
