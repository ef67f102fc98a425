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

from sync_platform.sandbox.campaigns_api import CacheApi, CmsApi, NotificationsApi
from sync_platform.sandbox.customers_api import CustomersApi
from sync_platform.sandbox.faults import Faults
from sync_platform.sandbox.users import STATIC_MOMENT, Moment, Population, moment_at
from sync_platform.sandbox.users_api import UsersApi

HOST = "127.0.0.1"
_GOODBYE_S = 0.5
_OPEN_TO_ALL = ("cms", "cache", "notify", "faults")
"""Systems without a token; the contract has no variable for one."""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What a sandbox serves, and how.

    Attributes:
        users: how many people there are before anyone joins.
        seed: another seed gives other people.
        latency_ms: how long every answer waits.
        port: 0 takes a free one.
        token: the bearer token that users and customers ask for.
        is_static: nobody changes and nobody joins.
    """

    users: int = 5000
    seed: int = 1
    latency_ms: float = 0.0
    port: int = 0
    token: str = "sandbox-token"  # noqa: S105 - made up, and it opens nothing but made-up people
    is_static: bool = False


def build_app(options: SandboxOptions) -> web.Application:
    """Put the systems together, users and customers behind the bearer token."""
    faults = Faults()
    middlewares = [_delay(options.latency_ms), _require_token(options.token), faults.middleware()]
    app = web.Application(middlewares=middlewares)
    for system in (
        UsersApi(Population(options.users, options.seed), _clock(options)),
        CustomersApi(),
        CmsApi(),
        CacheApi(),
        NotificationsApi(lambda: datetime.now(UTC)),
        faults,
    ):
        system.add_routes(app)
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
        announce(_stand_ins(f"http://{HOST}:{port}", options.token))
        await stopped.wait()
    finally:
        await runner.cleanup()


def _stand_ins(url: str, token: str) -> dict[str, str]:
    return {
        "EXTERNAL_API_URL": url,
        "EXTERNAL_API_TOKEN": token,
        "CUSTOMER_PUSH_URL": f"{url}/customers",
        "CUSTOMER_PUSH_TOKEN": token,
        "CAMPAIGN_CMS_URL": f"{url}/cms",
        "CAMPAIGN_CACHE_URL": f"{url}/cache",
        "CAMPAIGN_NOTIFY_URL": f"{url}/notify",
    }


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
        is_open = request.path.split("/")[1] in _OPEN_TO_ALL
        if is_open or hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return await handler(request)
        return web.json_response(
            {"error": "a valid bearer token is required"}, status=401, headers={"WWW-Authenticate": "Bearer"}
        )

    return check_token
