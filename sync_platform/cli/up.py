"""`sync-platform up`: everything on one machine, started in order, watched, and ended together.

Here belongs the order. How children are started and ended stands in `processes`; this process itself imports
nothing heavy, runs each flow as a child, and then only watches.
"""

import errno
import fcntl
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Never, cast

from sync_platform.cli.exits import worst
from sync_platform.cli.flows import Flow, flows
from sync_platform.cli.processes import Children, end_groups
from sync_platform.cli.terminal import say
from sync_platform.home.database import open_database
from sync_platform.home.instance import CODE_LOCATION, DEFINITIONS_MODULE, prepare_instance, purge_event_log
from sync_platform.home.running import (
    ProcessMark,
    RunningUp,
    find_running_up,
    needs_sandbox,
    read_note,
    remove_note,
    write_note,
)
from sync_platform.settings import Settings, set_variables
from sync_platform.vocabulary import PermanentError, SyncPlatformError, UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.migrations import migrate

HOST = "127.0.0.1"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READY_TIMEOUT_S = 120
_WATCH_EVERY_S = 0.5
_PURGE_EVERY_S = 86_400


class _Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived; not an error, so that nothing but `run_up` catches it."""


def run_up(settings: Settings, *, once: bool) -> int:
    """Start everything, run all flows once, and serve the UI until a signal; return the exit code.

    A rerun after kill -9 first ends what the killed one left. With `once` it ends after the accounts, with
    the worst exit code of the flows; else a flow that fails does not keep the UI from being served.

    Raises:
        UsageError: another one runs on this home, the port is taken, or the database cannot be used.
        PermanentError: a service did not start, or ended by itself; the message names its log.
    """
    for name in _STOP_SIGNALS:
        # Under nohup a closed terminal must not stop anything; an ignored Ctrl-C (a shell's `&`) still does.
        if name is not signal.SIGHUP or signal.getsignal(name) is not signal.SIG_IGN:
            signal.signal(name, _stop)
    try:
        with ExitStack() as stack:
            try:
                return _run(settings, stack, once=once)
            finally:
                _ignore_signals()
    except _Stopped:
        say("Stopped; everything that was started has ended.")
        return 0


def _stop(number: int, frame: object) -> Never:
    del number, frame
    _ignore_signals()
    raise _Stopped


def _ignore_signals() -> None:
    """Let the ending finish: it is bounded, and a second Ctrl-C would leave processes behind."""
    for name in _STOP_SIGNALS:
        signal.signal(name, signal.SIG_IGN)


def _run(settings: Settings, stack: ExitStack, *, once: bool) -> int:
    stack.enter_context(_only_one(settings))
    if not once:
        _require_free_port(settings.port)
    _end_leftovers(settings.home)
    say("Starting Postgres and migrating ..." if settings.database_url is None else "Migrating ...")
    address = stack.enter_context(open_database(settings))
    migrate(address)
    prepare_instance(settings, address)
    stack.callback(remove_note, settings.home)
    services = _Services(settings, stack.enter_context(Children(settings.home)))
    if needs_sandbox(set_variables()):
        services.start_sandbox()
    services.write_note()
    exit_code = worst([services.run_flow(flow) for flow in flows(services.stood_in())])
    if once:
        return exit_code
    services.serve_ui()
    say(f"Open http://{HOST}:{settings.port} for the Dagster UI. Ctrl-C stops everything.")
    return services.watch(address)


class _Services:
    """The children of one `up`, and the note about them."""

    def __init__(self, settings: Settings, children: Children) -> None:
        self._settings = settings
        self._children = children
        self._logs = settings.home / "logs"
        self._logs.mkdir(mode=0o700, exist_ok=True)
        self._stand_ins: dict[str, str] = {}
        self._served: dict[str, subprocess.Popen[bytes]] = {}

    def write_note(self) -> None:
        """Tell other processes, and the next start, what runs."""
        write_note(self._settings.home, self._note())

    def _note(self) -> RunningUp:
        ui_url = f"http://{HOST}:{self._settings.port}" if "dagster-webserver" in self._served else None
        return RunningUp(
            supervisor=ProcessMark.of(os.getpid()),
            children=self._children.marks,
            environment=self._stand_ins,
            ui_url=ui_url,
        )

    def start_sandbox(self) -> None:
        """Start the sandbox and learn where it is from its first line."""
        sandbox = self._start("sandbox", "sync_platform.sandbox", stdout=subprocess.PIPE)
        pipe = cast("IO[bytes]", sandbox.stdout)
        is_ready, _, _ = select.select([pipe], [], [], _READY_TIMEOUT_S)
        line = pipe.readline() if is_ready else b""
        if not line:
            raise PermanentError(f"The sandbox did not start; see {self._log('sandbox')}.")
        self._stand_ins = json.loads(line)
        os.environ.update(self._note().stand_in(set_variables()))

    def stood_in(self) -> frozenset[str]:
        """The variables that name the sandbox here, because nobody has set them to a system of their own."""
        return frozenset(name for name, value in self._stand_ins.items() if os.environ.get(name) == value)

    def run_flow(self, flow: Flow) -> int:
        """Run one flow as its own verb, with its progress and account on this terminal."""
        if flow.said:
            say(flow.said)
        verb = self._children.start((sys.executable, "-m", "sync_platform.cli", *flow.arguments))
        self.write_note()
        return verb.wait()

    def serve_ui(self) -> None:
        """Start webserver and daemon, and wait until the UI answers."""
        workspace = self._settings.dagster_home / "workspace.yaml"
        workspace.write_text(_workspace(), encoding="utf-8")
        port = str(self._settings.port)
        said = ("-w", str(workspace))
        self._start(
            "dagster-webserver",
            "dagster_webserver",
            *(*said, "-h", HOST, "-p", port, "--dagster-log-level", "warning"),
        )
        self._start("dagster-daemon", "dagster._daemon", *("run", *said, "--log-level", "warning"))
        self.write_note()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not _answers(self._settings.port):
            self._require_living()
            if time.monotonic() > deadline:
                log = self._log("dagster-webserver")
                raise PermanentError(f"The UI did not answer within {_READY_TIMEOUT_S} s; see {log}.")
            time.sleep(_WATCH_EVERY_S)

    def watch(self, address: DatabaseAddress) -> Never:
        """Return only by a signal, or by the end of a service; purges Dagster's event log daily."""
        purge_at = 0.0
        while True:
            self._require_living()
            if time.monotonic() >= purge_at:
                purge_at = time.monotonic() + _PURGE_EVERY_S
                _purge(address)
            time.sleep(_WATCH_EVERY_S)

    def _start(
        self, name: str, module: str, *arguments: str, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        with self._log(name).open("wb") as log:
            command = (sys.executable, "-m", module, *arguments)
            child = self._children.start(command, stdout=log if stdout is None else stdout, stderr=log)
        self._served[name] = child
        return child

    def _require_living(self) -> None:
        for name, child in self._served.items():
            if child.poll() is not None:
                raise PermanentError(f"{name} ended by itself ({child.returncode}); see {self._log(name)}.")

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold this home's lock, which dies with this process."""
    # A server under an unprivileged account has to pass through the home, not to look into it.
    settings.home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    with (settings.home / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = find_running_up(settings.home)
            where = f" as process {running.supervisor.pid}" if running else ""
            where += f", UI at {running.ui_url}" if running and running.ui_url else ""
            raise UsageError(
                f"`sync-platform up` runs on {settings.home} already{where}. "
                "Stop it first, or choose another folder with SYNC_PLATFORM_HOME."
            ) from None
        yield


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise UsageError(
                f"Port {port} on {HOST} {reason}. Free it, or choose another one with SYNC_PLATFORM_PORT."
            ) from None


def _end_leftovers(home: Path) -> None:
    """End what an `up` that was killed left behind, its guard included."""
    note = read_note(home)
    if note is not None:
        end_groups(note.children)
        remove_note(home)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_WATCH_EVERY_S * 10)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _purge(address: DatabaseAddress) -> None:
    try:
        purge_event_log(address)
    except SyncPlatformError as error:
        say(f"Dagster's event log was not purged, which will be tried again tomorrow: {error}")


def _workspace() -> str:
    # YAML reads JSON, and JSON quotes any path.
    module = {
        "module_name": DEFINITIONS_MODULE,
        "location_name": CODE_LOCATION,
        "working_directory": str(Path.cwd()),
    }
    return json.dumps({"load_from": [{"python_module": module}]})
