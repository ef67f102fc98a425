"""What `sync-platform doctor` looks at: what flows need, each with the next step where it lacks.

Here belong the questions. None of them changes anything, but that a missing embedded Postgres is created.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from sync_platform.api.auth import auth_in_use
from sync_platform.api.environment import names_in, pick, resolve
from sync_platform.api.urls import require_base_url
from sync_platform.cli import exits
from sync_platform.home.database import open_database
from sync_platform.home.environment import environment_mapping
from sync_platform.home.running import find_running_up
from sync_platform.push.signing import signing_key
from sync_platform.push.spec import ApiPushSpec
from sync_platform.push.targets import require_allowed_target
from sync_platform.settings import Settings
from sync_platform.vocabulary import PermanentError, SyncPlatformError, UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.migrations import require_current_schema

_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        what: was looked at.
        detail: what was found, or what is wrong and what to do about it.
        exit_code: what the CLI ends with for it alone.
    """

    what: str
    detail: str
    exit_code: int = exits.COMPLETE


def examine(settings: Settings) -> Iterator[Finding]:
    """Answer all questions in order; a wrong answer does not keep the next from being asked."""
    yield Finding("settings", f"home {settings.home}, time zone {settings.timezone}")
    yield _answer("running", lambda: _running(settings))
    try:
        with open_database(settings) as address:
            kind = "embedded" if settings.database_url is None else "DATABASE_URL"
            yield Finding("database", f"{kind}, {address} answers")
            yield _answer("schema", lambda: _schema(address))
    except SyncPlatformError as error:
        yield Finding("database", str(error), _exit_code(error))
    yield _answer("api", _api)
    yield from _pushes()


def _answer(what: str, question: Callable[[], str]) -> Finding:
    try:
        return Finding(what, question())
    except SyncPlatformError as error:
        return Finding(what, str(error), _exit_code(error))


def _exit_code(error: SyncPlatformError) -> int:
    return exits.USAGE if isinstance(error, UsageError) else exits.FAILED


def _running(settings: Settings) -> str:
    running = find_running_up(settings.home)
    if running is None:
        return "no `sync-platform up` runs on this home"
    return f"`sync-platform up` runs as process {running.supervisor.pid}" + (
        f", UI at {running.ui_url}" if running.ui_url else ""
    )


def _schema(address: DatabaseAddress) -> str:
    require_current_schema(address)
    return "is current"


def _api() -> str:
    url = environment_mapping().get("EXTERNAL_API_URL")
    if url is None:
        raise UsageError("EXTERNAL_API_URL is not set. Set it, or run `sync-platform up` for the sandbox.")
    return _host_answers(url, "EXTERNAL_API_URL")


def _pushes() -> Iterator[Finding]:
    """One finding a push: whether its variables are set and somebody listens at its URL."""
    # Imported now: it loads all definitions.
    from sync_platform.components.api_push.launch import all_pushes  # noqa: PLC0415 - see above

    for push in all_pushes():
        yield _answer(f"push {push.named.source}", partial(_push, push.spec))


def _push(spec: ApiPushSpec) -> str:
    environment = environment_mapping()
    needed = names_in([spec.request.model_dump(), spec.sign and spec.sign.secret])
    if missing := sorted(name for name in needed if not environment.get(name)):
        return f"{' and '.join(missing)} must be set before it can send; `sync-platform up` has a sandbox"
    pick(names_in(auth_in_use(spec.auth, environment).model_dump()), environment)
    if spec.sign is not None:
        signing_key(resolve(spec.sign.secret, environment))
    url = require_base_url(resolve(spec.request.url, environment).partition("{")[0])
    require_allowed_target(url)
    return _host_answers(url, " or ".join(sorted(names_in(spec.request.url))) or "request.url")


def _host_answers(url: str, setting: str) -> str:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise PermanentError(
            f"nothing answers at {host}, port {port} ({error.strerror or 'no answer in time'}). "
            f"Check {setting}, and that the system is up."
        ) from None
    return f"{host}, port {port} answers"
