"""One run of a flow as Dagster's face does it, and the same as a child process that can be killed.

Here belongs only running. Children are forked from a server process that has imported the engine already,
so that hundreds of them take minutes; what dies with one is what dies with a real run.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Literal

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.replay import replay_quarantine
from sync_platform.pull.reports import PullContext, Scope
from sync_platform.pull.retry import drain
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import SyncPlatformError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import KeptConnection
from sync_platform.warehouse.locks import named_lock

# A full sync either sets rows that vanished, or compares its rows with the target before they are staged.
Flow = Literal["full", "compared", "incremental", "window", "retry", "replay"]
FLOWS: tuple[Flow, ...] = ("full", "compared", "incremental", "window", "retry", "replay")
_FILE_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a run is to do, and with what."""

    flow: Flow
    run_id: str
    spec: ApiSyncSpec
    address: DatabaseAddress
    landing_url: str
    environment: Mapping[str, str]
    now: datetime

    @property
    def order(self) -> SyncOrder:
        """What is asked of the source; a window is the day of the run."""
        if self.flow == "window":
            return SyncOrder("window", days=(self.now.date(), self.now.date()))
        return SyncOrder("full" if self.flow in {"full", "compared"} else "incremental")

    def context(self, connection: KeptConnection) -> PullContext:
        return PullContext(
            spec=self.spec,
            address=self.address,
            landing_url=self.landing_url,
            environment=self.environment,
            run_id=self.run_id,
            log=lambda _: None,
            now=lambda: self.now,
            connection=connection,
        )


def run(errand: Errand) -> None:
    """Wait for the turn, close what the dead left open, do the work, log its failure: as a run of Dagster."""
    with closing(KeptConnection(errand.address)) as connection:
        context = errand.context(connection)
        try:
            with named_lock(errand.address, "sync:users", wait=True):
                turns.take_turn(context)
                _work_on(errand, context)
        except SyncPlatformError as error:
            with suppress(SyncPlatformError):
                turns.fail(context, str(error))
            raise


def _work_on(errand: Errand, context: PullContext) -> None:
    if errand.flow == "retry":
        drain(context, is_all=True)
        return
    if errand.flow == "replay":
        replay_quarantine(context)
        return
    report = engine.read_source(context, errand.order)
    days = (report.first_day, report.last_day) if report.first_day and report.last_day else None
    scope = Scope(context.run_id, days)
    engine.normalize(context, scope)
    engine.load(context, scope)
    engine.close(context, scope)


@dataclass(slots=True)
class Child:
    """A process that runs an errand.

    Attributes:
        process: it; started by `start`.
        files: how many operations on landed files it has begun.
    """

    process: ForkServerProcess
    files: "Synchronized[int]"
    _go: Event

    @classmethod
    def of(cls, errand: Errand, *, kill_at_file: int = 0) -> "Child":
        """A child that kills itself just before its n-th operation on landed files; 0 is never."""
        context = _forkserver()
        files, go = context.Value("i", 0), context.Event()
        process = context.Process(target=_live, args=(errand, kill_at_file, files, go), daemon=True)
        return cls(process, files, go)

    def start(self) -> None:
        self.process.start()
        self._go.set()

    def kill(self) -> None:
        """End it as kill -9 does; one that has ended already is left alone."""
        self.process.kill()

    def wait(self) -> bool:
        """Wait for the end and tell whether it was killed; anything but a kill must be a success."""
        self.process.join(60)
        assert self.process.exitcode in (0, -signal.SIGKILL), f"the run ended with {self.process.exitcode}"
        return self.process.exitcode != 0


def _forkserver() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context


def _live(errand: Errand, kill_at_file: int, files: "Synchronized[int]", go: Event) -> None:
    def look(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS and str(arguments[0]).startswith(errand.landing_url):
            files.value += 1
            if files.value == kill_at_file:
                os.kill(os.getpid(), signal.SIGKILL)

    go.wait()
    sys.addaudithook(look)
    run(errand)
