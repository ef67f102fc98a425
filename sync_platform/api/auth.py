"""Authentication: turns the YAML's `auth`, with its variables resolved, into what a request carries.

Here belong header building and the life of an OAuth2 token. Sending is the client's: the token request goes
out through it, with the same retries and limits.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from sync_platform.api.clock import Clock
from sync_platform.api.environment import names_in
from sync_platform.api.exchange import Credentials, Reply, WireRequest
from sync_platform.api.failures import UnauthorizedError
from sync_platform.api.json_path import JsonPath
from sync_platform.api.spec import AuthSpec, BasicAuth, BearerAuth, HeaderAuth, NoAuth, OAuth2Auth, QueryAuth
from sync_platform.vocabulary import PermanentError

_LONGEST_MARGIN_S = 30.0
_MARGIN_SHARE = 0.1


class Authenticator(Protocol):
    """Gives requests their credentials."""

    async def credentials(self) -> Credentials:
        """Return what to send now."""
        ...

    async def renew(self, stale: Credentials) -> bool:
        """Replace credentials that were refused; False where there is nothing to replace them with."""
        ...


class FixedCredentials:
    """Credentials that do not change: everything but OAuth2."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def credentials(self) -> Credentials:
        """Return what to send."""
        return self._credentials

    async def renew(self, stale: Credentials) -> bool:  # noqa: ARG002 - the protocol's shape
        """Return False: the same would be refused again."""
        return False


NO_CREDENTIALS = FixedCredentials(Credentials())


class OAuth2Credentials:
    """A bearer token that is fetched when first needed and renewed shortly before it expires.

    All readers share it: while one fetches, the others wait for that token.
    """

    def __init__(
        self,
        spec: OAuth2Auth,
        token_url: str,
        ask: Callable[[WireRequest], Awaitable[Reply]],
        clock: Clock,
        advice: str,
    ) -> None:
        self._request = _token_request(spec, token_url)
        self._ask = ask
        self._clock = clock
        self._advice = advice
        self._token: Credentials | None = None
        self._stale_at_s = float("inf")
        self._fetching = asyncio.Lock()

    async def credentials(self) -> Credentials:
        """Return a token that is still good, fetching one where needed.

        Raises:
            UnauthorizedError: the token endpoint refused; not retryable.
            RetryableError: it did not answer.
        """
        async with self._fetching:
            if self._token is None or self._clock.monotonic_s() >= self._stale_at_s:
                self._token = await self._fetch()
            return self._token

    async def renew(self, stale: Credentials) -> bool:
        """Drop a refused token, unless another reader has replaced it already; always True."""
        async with self._fetching:
            if self._token == stale:
                self._token = None
        return True

    async def _fetch(self) -> Credentials:
        asked_at_s = self._clock.monotonic_s()
        try:
            reply = await self._ask(self._request)
        except PermanentError as error:
            raise UnauthorizedError(f"no OAuth2 token: {error}; {self._advice}") from error
        token = JsonPath(("access_token",)).find_in(reply.body)
        if not isinstance(token, str) or not token:
            raise UnauthorizedError(
                f"no OAuth2 token: {self._request.description} answered without access_token"
            )
        lifetime_s = _lifetime_s(JsonPath(("expires_in",)).find_in(reply.body))
        self._stale_at_s = asked_at_s + lifetime_s - min(_LONGEST_MARGIN_S, lifetime_s * _MARGIN_SHARE)
        return _bearer(token)


def _lifetime_s(expires_in: object) -> float:
    """Return seconds; for ever where the endpoint does not say (a 401 then ends it)."""
    try:
        return max(0.0, float(expires_in)) if isinstance(expires_in, int | float | str) else float("inf")
    except ValueError:
        return float("inf")


def _token_request(spec: OAuth2Auth, token_url: str) -> WireRequest:
    fields = {
        "grant_type": "client_credentials",
        "client_id": spec.client_id,
        "client_secret": spec.client_secret,
        **({"scope": spec.scope} if spec.scope else {}),
        **spec.extra,
    }
    if spec.send == "json":
        content, content_type = msgspec.json.encode(fields), "application/json"
    else:
        content, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    return WireRequest("POST", token_url, (("Content-Type", content_type),), content, "the token request")


def _bearer(token: str) -> Credentials:
    return Credentials(headers=(("Authorization", f"Bearer {token}"),))


def auth_in_use(spec: AuthSpec, variables: Mapping[str, str]) -> AuthSpec:
    """Return how to authenticate now: not at all where an optional token's variable is unset."""
    if isinstance(spec, BearerAuth) and spec.optional:
        is_set = all(variables.get(name, "").strip() for name in names_in(spec.token))
        return spec if is_set else NoAuth()
    return spec


def fixed_credentials(spec: AuthSpec) -> FixedCredentials:
    """Return the credentials of every kind but OAuth2; `spec` has its variables resolved."""
    match spec:
        case BearerAuth():
            return FixedCredentials(_bearer(spec.token))
        case HeaderAuth():
            return FixedCredentials(Credentials(headers=((spec.name, spec.value),)))
        case QueryAuth():
            return FixedCredentials(Credentials(params=((spec.name, spec.value),)))
        case BasicAuth():
            pair = base64.b64encode(f"{spec.username}:{spec.password}".encode()).decode()
            return FixedCredentials(Credentials(headers=(("Authorization", f"Basic {pair}"),)))
        case _:
            return NO_CREDENTIALS
