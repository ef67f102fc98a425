"""The wire: sends one item, once, and says what came back.

Here belong credentials, signature, idempotency key and the guard on addresses. Nothing is retried here and
no redirect is followed: a POST that is repeated behind the ledger's back would be a second delivery.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec
from pydantic import TypeAdapter

from sync_platform.api.auth import Authenticator, OAuth2Credentials, auth_in_use, fixed_credentials
from sync_platform.api.clock import SYSTEM_CLOCK
from sync_platform.api.environment import names_in, pick, resolve, substitute
from sync_platform.api.exchange import Credentials, Exchange, Reply, WireRequest
from sync_platform.api.failures import TransportErrors, UnauthorizedError, classify_exception
from sync_platform.api.judgement import FailedTry, final_error, judge_exception, judge_reply
from sync_platform.api.request import Pairs
from sync_platform.api.spec import AuthSpec, OAuth2Auth
from sync_platform.api.urls import absolute, origin, require_base_url, shown_origin, with_params
from sync_platform.push import outcome as judging
from sync_platform.push.items import Item
from sync_platform.push.outcome import Outcome
from sync_platform.push.render import fixed_parts
from sync_platform.push.signing import signature_headers, signing_key
from sync_platform.push.spec import ApiPushSpec, PushRequestSpec
from sync_platform.push.targets import GuardedResolver, require_allowed_target
from sync_platform.vocabulary import PermanentError, SyncPlatformError

_MAX_REPLY_MB = 1
_KEEPALIVE_S = 3.0
"""Idle connections older than this are not used again: receivers close theirs after 5 s and more, and a
request that meets a closing connection would be in doubt."""
_UNAUTHORIZED = 401
_AUTH: TypeAdapter[AuthSpec] = TypeAdapter(AuthSpec)


class PutOffError(SyncPlatformError):
    """A request was ready and did not go out; it may at another time."""


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a request goes, variables put in; often the same for every item."""

    url: str
    headers: Pairs
    description: str


class Wire:
    """Sends items of one push; an async context manager.

    Args:
        spec: the push's YAML.
        environment: where `${NAME}` is looked up, once, now.

    Raises:
        SettingsError: a variable is unset, or the URL is none.
        ForbiddenTargetError: the URL leads to a link-local or cloud-metadata address.
    """

    def __init__(self, spec: ApiPushSpec, environment: Mapping[str, str]) -> None:
        self._spec = spec
        self._known = pick(names_in(spec.request.model_dump()), environment)
        self._origin_url = _origin_of(spec.request.url, self._known)
        self._has_variables = bool(names_in(spec.request.json_body))
        self._has_body = spec.request.json_body is not None
        self._key = signing_key(resolve(spec.sign.secret, environment)) if spec.sign else None
        self._resolver = GuardedResolver()
        self._exchange = Exchange(
            timeout_s=spec.timeout_s,
            max_body_mb=_MAX_REPLY_MB,
            max_connections=spec.max_in_flight,
            clock=SYSTEM_CLOCK,
            resolver=self._resolver,
            keepalive_s=_KEEPALIVE_S,
            asks_before_write=True,
        )
        self._refused: Credentials | None = None
        self._renewed_for: set[str] = set()
        auth = auth_in_use(spec.auth, environment)
        self._auth = self._authenticator(_AUTH.validate_python(resolve(auth.model_dump(), environment)))
        self._after_known: dict[str, str] = {}
        if spec.after_each is not None and spec.after_each.http is not None:
            self._after_known = pick(names_in(spec.after_each.http.model_dump()), environment)
            self._after_origin_url = _origin_of(spec.after_each.http.url, self._after_known)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.aclose()
        await self._resolver.close()

    async def prepare(self) -> None:
        """Fetch what requests will need, so that no intent is committed for a request that cannot be made.

        Raises:
            UnauthorizedError: the token endpoint refused; not retryable.
            RetryableError: it did not answer.
        """
        await self._auth.credentials()

    async def send(self, item: Item, before_write: Callable[[], Awaitable[None]]) -> Outcome:
        """Send one item and return what became of it.

        Args:
            item: whom and what.
            before_write: awaited when the request is ready and goes to the socket next; what it raises, this
                raises, and nothing was sent.

        Raises:
            ForbiddenTargetError, PermanentError: no item could ever be sent this way; nothing was sent.
            RetryableError: the token endpoint did not answer; nothing was sent.
        """
        request = self._request(item)
        credentials = await self._auth.credentials()
        if credentials == self._refused:
            # The token endpoint gave the same token again: nobody need be asked with it.
            return Outcome("unauthorized", _UNAUTHORIZED, "status 401 Unauthorized", is_undoubted=True)
        outcome = await self._exchanged(request, credentials, before_write)
        if outcome.status_code != _UNAUTHORIZED:
            self._renewed_for.discard(item.idempotency_key)
        elif item.idempotency_key not in self._renewed_for and await self._auth.renew(credentials):
            self._renewed_for.add(item.idempotency_key)
            self._refused = credentials
            return replace(outcome, kind="renewed")
        return outcome

    async def call_after(
        self, spec: PushRequestSpec, parts: Mapping[str, Any], body: bytes, key: str
    ) -> Outcome:
        """Make the HTTP call after a delivered item, without the push's credentials.

        Args:
            spec: the YAML's `after_each.http`.
            parts: url, params and headers, filled in.
            body: the JSON body; empty for none.
            key: the Idempotency-Key of the call.
        """
        headers = (("Idempotency-Key", key), *_pairs(parts["headers"], self._after_known))
        url = _url(self._after_origin_url, parts, self._after_known)
        request = _wire_request(spec.method, url, headers, body, f"after_each {spec.method}")
        try:
            reply = await self._exchange.once(request, Credentials())
        except TransportErrors as error:
            return judging.judge_exception(error, has_begun=True)
        return judging.judge_reply(reply, None, SYSTEM_CLOCK.now())

    async def _exchanged(
        self, request: WireRequest, credentials: Credentials, before_write: Callable[[], Awaitable[None]]
    ) -> Outcome:
        has_begun = False

        async def begin() -> None:
            nonlocal has_begun
            await before_write()
            has_begun = True

        try:
            reply = await self._exchange.once(request, credentials, before_write=begin)
        except TransportErrors as error:
            if judging.is_hopeless(error):
                raise PermanentError(
                    f"{request.description} cannot be sent: {classify_exception(error).reason}. "
                    "Check request.url and the receiver's certificate."
                ) from None
            return judging.judge_exception(error, has_begun=has_begun)
        except SyncPlatformError as error:
            if not has_begun:
                raise
            return Outcome("in_doubt", reason=f"the reply could not be read: {error}")
        return judging.judge_reply(reply, self._spec.success, SYSTEM_CLOCK.now())

    def _request(self, item: Item) -> WireRequest:
        address = self._fixed_address if item.request is None else self._address(item.request)
        body = item.payload if self._has_body else b""
        if self._has_variables:
            body = msgspec.json.encode(substitute(msgspec.json.decode(body), self._known))
        headers = ((self._spec.idempotency_header, item.idempotency_key), *address.headers)
        if self._key is not None:
            signed = signature_headers(
                self._key, message_id=item.idempotency_key, timestamp_s=int(time.time()), body=body
            )
            headers = (*signed, *headers)
        method, description = self._spec.request.method, address.description
        return _wire_request(method, address.url, headers, body if self._has_body else None, description)

    def _address(self, parts: Mapping[str, Any]) -> _Address:
        url = _url(self._origin_url, parts, self._known)
        description = f"{self._spec.request.method} on {shown_origin(url)}"
        return _Address(url, _pairs(parts["headers"], self._known), description)

    @cached_property
    def _fixed_address(self) -> _Address:
        return self._address(fixed_parts(self._spec.request))

    def _authenticator(self, auth: AuthSpec) -> Authenticator:
        if not isinstance(auth, OAuth2Auth):
            return fixed_credentials(auth)
        token_url = auth.token_url if "://" in auth.token_url else absolute(self._origin_url, auth.token_url)
        require_allowed_target(token_url)
        names = " and ".join(sorted(names_in(self._spec.auth.model_dump())))
        return OAuth2Credentials(
            auth, token_url, self._ask_for_token, SYSTEM_CLOCK, f"check {names or 'auth'}"
        )

    async def _ask_for_token(self, request: WireRequest) -> Reply:
        try:
            reply = await self._exchange.exchange(request, Credentials())
            judged = judge_reply(reply, (), SYSTEM_CLOCK.now(), request.description)
        except TransportErrors as error:
            judged = judge_exception(error)
        if isinstance(judged, FailedTry):
            raise final_error(judged, request.description, 1, "check auth")
        return judged


def unauthorized(spec: ApiPushSpec, outcome: Outcome) -> UnauthorizedError:
    """Return the error that stops a push whose credentials were refused."""
    names = " and ".join(sorted(names_in(spec.auth.model_dump())))
    advice = f"check {names}, and what its owner may write" if names else "set auth"
    return UnauthorizedError(
        f"The receiver refused the push with {outcome.reason}; {advice}. What was not sent stays planned."
    )


def _origin_of(template: str, known: Mapping[str, str]) -> str:
    """Check the URL's fixed beginning, which placeholders and values never change."""
    url = substitute(template, known)
    require_base_url(url.partition("{")[0])
    require_allowed_target(url)
    return url


def _url(origin_url: str, parts: Mapping[str, Any], known: Mapping[str, str]) -> str:
    url = substitute(str(parts["url"]), known)
    if origin(url) != origin(origin_url.partition("{")[0]):
        raise PermanentError("A placeholder in request.url changed the host; put it behind the host only.")
    params = tuple((name, substitute(value, known)) for name, value in parts["params"])
    return with_params(url, params)


def _pairs(pairs: list[list[str]], known: Mapping[str, str]) -> Pairs:
    """Put the variables in; a line end in a customer's value must not end the header."""
    known_values = ((name, substitute(value, known)) for name, value in pairs)
    return tuple((name, value if value.isprintable() else quote(value)) for name, value in known_values)


def _wire_request(method: str, url: str, headers: Pairs, body: bytes | None, description: str) -> WireRequest:
    typed = (("Content-Type", "application/json"), *headers) if body else headers
    return WireRequest(method, url, typed, body or None, description)
