"""The embedded Postgres: one server a home, started when needed, ended with its last user.

Here belongs the server's life: create, start, find, stop, and what a kill -9 leaves behind. Where its
files stand is `server_place`. After it runs, nothing differs from a Postgres of your own.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil
import psycopg
from psycopg import sql

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.server_place import INSTALL_FOLDERS, ServerPlace

SUPERUSER = "sync_platform"
DATABASE = "sync_platform"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
POLL_S = 0.05
RETRY_S = 0.5
SURVIVOR = "pre-existing shared memory block"
PID_FILE_LINES = 8
ACCESS_RULES = "local all all scram-sha-256\n"
# fsync and synchronous_commit stay on. The log leaves out statements and details: both quote values.
SETTINGS = """\
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket_folder}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 256MB
effective_io_concurrency = 16
random_page_cost = 1.1
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
wal_level = minimal
max_wal_senders = 0
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
log_error_verbosity = terse
log_min_error_statement = panic
"""


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What the pid file says about a server that is alive."""

    pid: int
    socket_folder: Path
    is_ready: bool


class EmbeddedPostgres:
    """One Postgres server of one home folder, reachable by the user who started it only.

    A context manager whose value is the address. Several processes may hold it at once: the first
    starts the server, the last to leave stops it. A use lasts from `start` to `stop`, or as long as this
    object lives; who only looks (`running_address`) does not count.
    The server has its own session, survives a killed user, and is found again by the next start.
    """

    def __init__(self, home: Path, major: int = 18) -> None:
        if major not in INSTALL_FOLDERS:
            raise PermanentError(f"Postgres {major} is not embedded; there are {sorted(INSTALL_FOLDERS)}.")
        self._home = home.absolute()
        self._major = major
        self._use: IO[str] | None = None

    def start(self) -> DatabaseAddress:
        """Return the address of this home's server, created and started if need be.

        A rerun, here or in another process, returns the same running server. The first start takes
        about two seconds.

        Raises:
            PermanentError: it could not be created or started; the message names its log.
        """
        # A server under an unprivileged account has to pass through the home, not to look into it.
        self._home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with self._alone():
            self._use = self._use or _locked(self._lock_file("users"), fcntl.LOCK_SH)
            try:
                place = ServerPlace.settle(self._home, self._major)
                postmaster = _await_ready(place) or _start(place)
            except BaseException:
                self._leave()
                raise
            return _address(place, postmaster)

    def stop(self) -> bool:
        """End the server unless another process still uses it; return whether it is down now."""
        if not self._home.exists():
            return True
        with self._alone():
            self._leave()
            try:
                _locked(self._lock_file("users"), fcntl.LOCK_EX | fcntl.LOCK_NB).close()
            except BlockingIOError:
                return False
            place = ServerPlace.find(self._home, self._major)
            if place and (postmaster := _postmaster(place)):
                _stop(place, postmaster)
            return True

    def running_address(self) -> DatabaseAddress | None:
        """Return the address of this home's server if it is running and ready, else None."""
        place = ServerPlace.find(self._home, self._major) if self._home.exists() else None
        postmaster = _postmaster(place) if place else None
        return _address(place, postmaster) if place and postmaster and postmaster.is_ready else None

    def __enter__(self) -> DatabaseAddress:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _leave(self) -> None:
        if self._use:
            self._use.close()
            self._use = None

    def _lock_file(self, what: str) -> Path:
        return self._home / f"postgres-{self._major}.{what}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # File locks die with their process, so a killed starter never blocks the next one.
        with _locked(self._lock_file("lock"), fcntl.LOCK_EX):
            yield


def _locked(path: Path, operation: int) -> IO[str]:
    file = path.open("a")
    try:
        fcntl.flock(file, operation)
    except BaseException:
        file.close()
        raise
    return file


def _address(place: ServerPlace, postmaster: _Postmaster) -> DatabaseAddress:
    keywords = {
        "host": str(postmaster.socket_folder),
        "port": "5432",
        "user": SUPERUSER,
        "password": place.password.read_text(),
        "dbname": DATABASE,
    }
    return DatabaseAddress(tuple(sorted(keywords.items())))


def _pid_file(place: ServerPlace) -> list[str]:
    try:
        lines = (place.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines]


def _postmaster(place: ServerPlace) -> _Postmaster | None:
    """Return the living server of this data folder; a pid that now is another process is none."""
    lines = _pid_file(place)
    if not lines or not lines[0].isdigit():
        return None
    try:
        # The command line, not the working folder: in a container, root may not read the latter.
        is_ours = str(place.data) in psutil.Process(int(lines[0])).cmdline()
    except psutil.Error:
        return None
    is_ready = len(lines) >= PID_FILE_LINES and lines[7] == "ready"
    return _Postmaster(int(lines[0]), _socket_folder(lines), is_ready) if is_ours else None


def _socket_folder(lines: list[str]) -> Path:
    return Path(lines[4] if len(lines) > 4 else "")  # noqa: PLR2004 - line 5 of postmaster.pid


def _await_ready(place: ServerPlace) -> _Postmaster | None:
    """Return the running server once it is ready; None when there is none, or it was stopping."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while postmaster := _postmaster(place):
        if postmaster.is_ready:
            return postmaster
        if time.monotonic() > deadline:
            raise PermanentError(
                f"The embedded Postgres (pid {postmaster.pid}) is not ready after {START_TIMEOUT_S} s. "
                f"Its log is {place.log}."
            )
        time.sleep(POLL_S)
    return None


def _start(place: ServerPlace) -> _Postmaster:
    if not (place.data / "PG_VERSION").exists():
        _create(place)
    _clear_stale(place)
    _write(place, place.data / "pg_hba.conf", ACCESS_RULES)
    settings = SETTINGS.format(socket_folder=place.make_socket_folder())
    _write(place, place.data / "postgresql.conf", settings)
    deadline = time.monotonic() + START_TIMEOUT_S
    while (failure := _launch(place)) and SURVIVOR in failure and time.monotonic() < deadline:
        # A session of a killed server is still busy, and ends when it next looks up.
        time.sleep(RETRY_S)
    postmaster = _await_ready(place)
    if failure or not postmaster:
        raise PermanentError(f"The embedded Postgres did not start: {failure}. Its log is {place.log}.")
    _create_database(_address(place, postmaster))
    return postmaster


def _launch(place: ServerPlace) -> str | None:
    """Start the server once; return why it did not start, in one line."""
    log_start = place.log.stat().st_size if place.log.exists() else 0
    arguments = ("-D", str(place.data), "-l", str(place.log), "-w", "-t", str(START_TIMEOUT_S), "start")
    code, said = place.account.run((place.program("pg_ctl"), *arguments), timeout_s=START_TIMEOUT_S + 10)
    return (_failure_since(place.log, log_start) or said[-500:]) if code else None


def _failure_since(log: Path, start: int) -> str | None:
    with suppress(OSError), log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
        failures = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        # A survivor writes to the same log, and its own end is not the reason.
        return next((line for line in failures if SURVIVOR in line), failures[-1] if failures else None)
    return None


def _create(place: ServerPlace) -> None:
    """Create the cluster under another name first, so that a kill leaves nothing half-made."""
    unfinished = place.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    _write(place, place.password, secrets.token_urlsafe(24))
    # Code-point order everywhere: the same on Linux and macOS, and the fastest. Letters beyond ASCII
    # change case only with the builtin provider, which came with 17.
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    newest = builtin if place.major >= 17 else ()  # noqa: PLR2004 - see above
    code, said = place.account.run(
        (
            place.program("initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={place.password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            *newest,
        ),
        timeout_s=START_TIMEOUT_S,
    )
    if code != 0:
        raise PermanentError(f"The embedded Postgres could not be created in {place.folder}: {said[-500:]}")
    unfinished.rename(place.data)


def _clear_stale(place: ServerPlace) -> None:
    lines = _pid_file(place)
    if lines and lines[0].isdigit() and psutil.pid_exists(int(lines[0])):
        # After a reboot the number can belong to anyone, and Postgres would refuse to start. When
        # nobody has it, the file stays: Postgres then looks for survivors of the killed server.
        (place.data / "postmaster.pid").unlink()
    if lines:
        place.forget_socket_folder(_socket_folder(lines))


def _create_database(address: DatabaseAddress) -> None:
    with psycopg.connect(address.with_database("postgres").conninfo(), autocommit=True) as connection:
        exists = connection.execute("select from pg_database where datname = %s", [DATABASE]).rowcount
        if not exists:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def _stop(place: ServerPlace, postmaster: _Postmaster) -> None:
    arguments = ("-D", str(place.data), "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_S), "stop")
    code, said = place.account.run((place.program("pg_ctl"), *arguments), timeout_s=STOP_TIMEOUT_S + 10)
    if code != 0 and _postmaster(place):
        raise PermanentError(f"The embedded Postgres (pid {postmaster.pid}) did not stop: {said[-500:]}")
    place.forget_socket_folder(postmaster.socket_folder)


def _write(place: ServerPlace, path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    # As root we write into another account's folder: never through a link that it may have laid.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        place.account.own(file.fileno())
        file.write(text)
