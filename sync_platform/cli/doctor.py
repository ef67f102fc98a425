"""What `sync-platform doctor` looks at: everything that a sync needs, each with the next step where it lacks.

Here belong the questions. None of them changes anything, but that a missing embedded Postgres is created.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from sync_platform.cli import exits
from sync_platform.home.database import open_database
from sync_platform.home.environment import environment_mapping
from sync_platform.home.running import find_running_up
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
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise PermanentError(
            f"nothing answers at {host}, port {port} ({error.strerror or 'no answer in time'}). "
            "Check EXTERNAL_API_URL, and that the API is up."
        ) from None
    return f"{host}, port {port} answers"
