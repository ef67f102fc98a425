"""The client: sends one request until it is answered, refused, or given up.

Here belongs the order of things: credentials, the gate, the exchange, the judgement, the wait before the
next try. Each of these is decided in a module of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec
from pydantic import TypeAdapter

from sync_platform.api.auth import (
    NO_CREDENTIALS,
    Authenticator,
    OAuth2Credentials,
    auth_in_use,
    fixed_credentials,
)
from sync_platform.api.clock import SYSTEM_CLOCK, Clock
from sync_platform.api.environment import mask, names_in, pick, resolve, substitute
from sync_platform.api.exchange import Credentials, Exchange, Reply, WireRequest
from sync_platform.api.failures import TransportErrors
from sync_platform.api.judgement import FailedTry, final_error, judge_exception, judge_reply
from sync_platform.api.limits import RequestGate, reset_wait_s
from sync_platform.api.request import ApiRequest, Pairs
from sync_platform.api.retry import RetryPolicy
from sync_platform.api.spec import (
    AuthSpec,
    NoAuth,
    OAuth2Auth,
    QueryAuth,
    RateLimitSpec,
    RequestSpec,
    ResponseAction,
    RetrySpec,
)
from sync_platform.api.urls import absolute, require_base_url, shown_origin, with_params, without_params
from sync_platform.vocabulary import PermanentError, SyncPlatformError

_MAX_CONNECTIONS = 100
_UNAUTHORIZED = 401
_AUTH: TypeAdapter[AuthSpec] = TypeAdapter(AuthSpec)

ReplyCheck = Callable[[Reply], None]


class ApiClient:
    """Asks one API, politely; an async context manager, shared by all readers of a sync.

    Args:
        base_url: may hold `${NAME}`; every request stays on its origin.
        auth: how to authenticate; may hold `${NAME}`.
        request: the template that requests are built from; only the variables named there are put into them.
        environment: where variables are looked up, once, when the client is made.
        retries: tries after the first, and the base of the backoff.
        rate_limit: the API's limits.
        response_actions: exceptions from the standard policy; the first match wins.
        timeout_s: bounds each exchange, from connecting to the last byte of the body.
        max_body_mb: cap on a decoded body, in MiB.
        max_retry_after_s: the longest Retry-After that is waited for; a longer one fails the request at once.
        clock: time, for tests to own.

    Raises:
        SettingsError: a variable is unset or empty, or base_url is no http(s) URL.
    """

    def __init__(
        self,
        *,
        base_url: str,
        auth: AuthSpec | None = None,
        request: RequestSpec | None = None,
        environment: Mapping[str, str] | None = None,
        retries: RetrySpec | None = None,
        rate_limit: RateLimitSpec | None = None,
        response_actions: Sequence[ResponseAction] = (),
        timeout_s: float = 60,
        max_body_mb: float = 32,
        max_retry_after_s: float = 120,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        variables = environment or {}
        auth = auth_in_use(auth or NoAuth(), variables)
        rate_limit = rate_limit or RateLimitSpec()
        self.base_url = require_base_url(resolve(base_url, variables))
        self._auth_param = auth.name if isinstance(auth, QueryAuth) else None
        self._auth_advice = _auth_advice(auth)
        self._known = pick(_names_for_the_api(request, auth), variables)
        self._known_in_urls = {name: quote(value) for name, value in self._known.items()}
        self._actions = tuple(response_actions)
        self._rate_limit = rate_limit
        self._clock = clock
        self._gate = RequestGate(rate_limit, clock)
        self._policy = RetryPolicy(
            retries or RetrySpec(), max_retry_after_s, rate_limit.wait_s, clock.jitter_s
        )
        self._exchange = Exchange(
            timeout_s=timeout_s,
            max_body_mb=max_body_mb,
            max_connections=rate_limit.max_in_flight or _MAX_CONNECTIONS,
            clock=clock,
        )
        self._headers = lru_cache(maxsize=64)(self._resolved_headers)  # the pages of a read differ in params
        self._shown_origin = shown_origin(self.base_url)
        self._auth = self._authenticator(_AUTH.validate_python(resolve(auth.model_dump(), variables)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.aclose()

    @property
    def waited_s(self) -> float:
        """Seconds that the API's rate limit has cost so far."""
        return self._gate.waited_s

    async def send(self, request: ApiRequest, check: ReplyCheck | None = None) -> Reply:
        """Return the API's answer to one request, after as many tries as the policy allows.

        Args:
            request: as `build_request` made it or the retry queue kept it.
            check: raises RetryableError on a reply that is not usable (a truncated page), which then counts
                as a failed try like any other; other errors end the request.

        Raises:
            RetryableError: given up; the same may succeed later, after `retry_after_s` where that is set.
            UnauthorizedError: 401 or 403; not retryable.
            PermanentError: any other refusal, a reply that is too large, a redirect to elsewhere.
        """
        try:
            wire = self._wire(request)
        except UnicodeEncodeError:
            # `from None`: the cause would quote the value.
            raise PermanentError(f"{request.describe()}: a value of the request is no valid text") from None
        return await self._deliver(wire, self._auth, self._actions, check)

    def without_secrets(self, request: ApiRequest) -> ApiRequest:
        """Return the request as it may be stored: secrets in a URL that the server made become `${NAME}`.

        Sending it asks the same as sending the original.
        """
        names = frozenset({self._auth_param} if self._auth_param else ())
        url = without_params(request.url, names)
        return replace(request, url=mask(url, self._known))

    def _authenticator(self, auth: AuthSpec) -> Authenticator:
        if not isinstance(auth, OAuth2Auth):
            return fixed_credentials(auth)
        token_url = auth.token_url if "://" in auth.token_url else absolute(self.base_url, auth.token_url)
        return OAuth2Credentials(auth, token_url, self._ask_for_token, self._clock, self._auth_advice)

    async def _ask_for_token(self, request: WireRequest) -> Reply:
        return await self._deliver(request, NO_CREDENTIALS, (), None)

    def _wire(self, request: ApiRequest) -> WireRequest:
        known = self._known
        url = substitute(request.url, self._known_in_urls)
        params = tuple((name, substitute(value, known)) for name, value in request.params)
        headers = self._headers(request.headers, request.describe())
        content = None
        if request.json_body is not None:
            content = msgspec.json.encode(substitute(request.json_body, known))
            headers = (("Content-Type", "application/json"), *headers)
        return WireRequest(
            method=request.method,
            url=with_params(absolute(self.base_url, url), params),
            headers=headers,
            content=content,
            description=f"{request.describe()} on {self._shown_origin}",
        )

    def _resolved_headers(self, headers: Pairs, description: str) -> Pairs:
        resolved = tuple((name, substitute(value, self._known)) for name, value in headers)
        _require_header_text(resolved, description)
        return resolved

    async def _deliver(
        self,
        request: WireRequest,
        auth: Authenticator,
        actions: tuple[ResponseAction, ...],
        check: ReplyCheck | None,
    ) -> Reply:
        failed_tries = limited_answers = 0
        may_renew = True
        while True:
            credentials = await auth.credentials()
            outcome = await self._try_once(request, credentials, actions, check)
            if isinstance(outcome, Reply):
                return replace(outcome, tries=failed_tries + 1) if failed_tries else outcome
            if may_renew and _is_token_refused(outcome) and await auth.renew(credentials):
                may_renew = False
                continue
            if outcome.failure.kind == "rate_limited":
                limited_answers += 1
            else:
                failed_tries += 1
            wait_s = self._wait_s(outcome, failed_tries, limited_answers)
            if wait_s is None:
                tries = failed_tries + limited_answers
                raise final_error(outcome, request.description, tries, self._auth_advice) from outcome.cause
            await self._wait(outcome, wait_s)

    async def _try_once(
        self,
        request: WireRequest,
        credentials: Credentials,
        actions: Sequence[ResponseAction],
        check: ReplyCheck | None,
    ) -> Reply | FailedTry:
        try:
            async with self._gate.turn():
                reply = await self._exchange.exchange(request, credentials)
            outcome = judge_reply(reply, actions, self._clock.now(), request.description)
            if check is not None and isinstance(outcome, Reply):
                check(outcome)
        except (*TransportErrors, SyncPlatformError) as error:
            return judge_exception(error)
        return outcome

    def _wait_s(self, failed: FailedTry, failed_tries: int, limited_answers: int) -> float | None:
        headers = failed.reply.headers if failed.reply else {}
        return self._policy.wait_s(
            failed.failure,
            failed_tries=failed_tries,
            limited_answers=limited_answers,
            reset_wait_s=reset_wait_s(headers, self._rate_limit, self._clock.now()),
        )

    async def _wait(self, failed: FailedTry, wait_s: float) -> None:
        """Wait alone after a fault; make everybody wait where the API asked for it."""
        if failed.failure.kind == "rate_limited" or failed.failure.retry_after_s is not None:
            self._gate.slow_down(wait_s)
        else:
            await self._clock.sleep(wait_s)


def _require_header_text(headers: Pairs, description: str) -> None:
    """Refuse what would end a header line, such as a cursor that a server made up."""
    for name, value in headers:
        if not (name + value).isprintable():
            raise PermanentError(f"{description}: the value of header {name!r} holds control characters")


def _is_token_refused(failed: FailedTry) -> bool:
    return (
        failed.failure.kind == "unauthorized"
        and failed.reply is not None
        and failed.reply.status == _UNAUTHORIZED
    )


def _names_for_the_api(request: RequestSpec | None, auth: AuthSpec) -> frozenset[str]:
    """Return the variables that may stand in a request; an OAuth2 secret goes to the token endpoint only."""
    names = names_in(request.model_dump()) if request else frozenset()
    return names if isinstance(auth, OAuth2Auth) else names | names_in(auth.model_dump())


def _auth_advice(auth: AuthSpec) -> str:
    names = sorted(names_in(auth.model_dump()))
    if names:
        return f"check {' and '.join(names)}, and what its owner may read"
    return (
        "the API wants authentication; set auth" if isinstance(auth, NoAuth) else f"check auth ({auth.type})"
    )
