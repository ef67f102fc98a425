"""Kills a run at one place, runs it again, and demands that nothing tells of the kill but the log.

Here belong the situation before each flow, the places where a run can be killed, and what must hold after
the rerun. Which places are tried is chosen by the tests.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal, LiteralString

from sync_platform.pull.account import Account
from sync_platform.pull.land import Landing
from sync_platform.vocabulary import SyncPlatformError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_users_api import ENVIRONMENT, FakeUsersApi, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import ScriptedServer, status
from sync_platform_tests.torture.errands import Child, Errand, Flow, run
from sync_platform_tests.torture.wire import Wire, WireCutError

Place = Literal["before message", "after message", "before reply", "before file", "at time"]
PLACES: tuple[Place, ...] = ("before message", "after message", "before reply", "before file", "at time")
Loss = Literal["cut before message", "cut after message", "sessions terminated"]
LOSSES: tuple[Loss, ...] = ("cut before message", "cut after message", "sessions terminated")
BAD = '{"id": 77, "email": 5, "active": true, "updated_at": "2024-05-01T12:50:00Z"}'
MENDED = {"email": "email", "active": {"path": "active", "type": "boolean", "required": True}}
# A killed client's sessions end when the server notices; nothing else may be at work in the database.
WAIT_FOR_DEAD_SESSIONS: LiteralString = """
do $$
begin
    for attempt in 1..1500 loop
        perform pg_stat_clear_snapshot();
        exit when not exists (
            select from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        );
        perform pg_sleep(0.02);
    end loop;
end
$$
"""
TERMINATE: LiteralString = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
LOST = "The connection to Postgres was lost|cannot connect to database"
LEFT_BEHIND: LiteralString = """
select 'session' as kind, application_name as name from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
union all
select 'lock', locktype from pg_locks
where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
union all
select 'table', relname from pg_class where relpersistence = 't'
union all
select 'running sync', sync_id::text from sync_logs where status = 'running'
union all
select 'open entry', id::text from sync_retry_queue where status in ('running', 'pending')
"""
CONTENT: LiteralString = """
select external_id, email, name, status, metadata, updated_at, source_updated_at from users order by 1
"""
QUARANTINE: LiteralString = """
select external_id, reason, resolved_at is null as is_open from sync_quarantine order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What a flow leaves that a kill must not change: rows, open quarantine, watermark."""

    table: tuple[tuple[Any, ...], ...]
    quarantine: tuple[tuple[Any, ...], ...]
    watermark: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """An undisturbed run: what it leaves, and how much of each kind of place it has."""

    content: Content
    messages: int
    requests: int
    files: int
    seconds: float


@dataclass(frozen=True, slots=True)
class KillPoint:
    """Where a run is killed; `at` counts from 1, or is in seconds."""

    place: Place
    at: float

    def __str__(self) -> str:
        return f"{self.place} {self.at:.3f}" if self.place == "at time" else f"{self.place} {self.at:.0f}"


@dataclass
class Site:
    """A source, a database behind a wire, and a landing zone, ready for one flow."""

    rig: Rig
    wire: Wire
    flow: Flow
    _runs: Iterator[int] = field(default_factory=lambda: count(1))

    def errand(self, *, through_wire: bool) -> Errand:
        return Errand(
            flow=self.flow,
            run_id=f"{self.flow}-{next(self._runs)}",
            spec=self.rig.spec,
            address=self.wire.address if through_wire else self.rig.address,
            landing_url=self.rig.landing_url,
            environment=self.rig.environment,
            now=self.rig.now,
        )

    def refer(self) -> Reference:
        """Run undisturbed, in a child."""
        messages, requests = self.wire.messages, len(self.rig.api.requests)
        child = Child.of(self.errand(through_wire=True))
        began = time.monotonic()
        child.start()
        assert not child.wait()
        seconds = time.monotonic() - began
        self.require_clean()
        return Reference(
            content=self.content(),
            messages=self.wire.messages - messages,
            requests=len(self.rig.api.requests) - requests,
            files=child.files.value,
            seconds=seconds,
        )

    def kill(self, point: KillPoint) -> bool:
        """Run in a child that is killed there; tells whether it died, or was done before."""
        at = int(point.at)
        child = Child.of(
            self.errand(through_wire=True), kill_at_file=at if point.place == "before file" else 0
        )
        if point.place == "before message":
            self.wire.before = _once(self.wire.messages + at, child.kill)
        elif point.place == "after message":
            self.wire.after = _once(self.wire.messages + at, child.kill)
        elif point.place == "before reply":
            self.rig.api.before[len(self.rig.api.requests) + at] = child.kill
        child.start()
        if point.place == "at time":
            child.process.join(point.at)
            child.kill()
        was_killed = child.wait()
        self.rig.api.before.clear()
        return was_killed

    def lose_database(self, loss: Loss, at: int) -> str | None:
        """Run here while Postgres is lost at a message; returns the failure's message, if it failed."""
        number = self.wire.messages + at
        if loss == "cut after message":
            self.wire.after = _once(number, lambda: None)
        else:
            act = self._terminate_sessions if loss == "sessions terminated" else lambda: None
            self.wire.before = _once(number, act)
        try:
            run(self.errand(through_wire=True))
        except SyncPlatformError as error:
            return str(error)
        finally:
            self.wire.settle()  # the loss may come with the last message, which says goodbye
        return None

    def _terminate_sessions(self) -> None:
        self.rig.execute(TERMINATE)

    def rerun(self) -> None:
        run(self.errand(through_wire=False))

    def content(self) -> Content:
        rows = self.rig.rows
        return Content(
            table=tuple(tuple(row.values()) for row in rows(CONTENT)),
            quarantine=tuple(tuple(row.values()) for row in rows(QUARANTINE)),
            watermark=self.rig.watermark(),
        )

    def require_clean(self, reason: str = "killed") -> None:
        """Nothing is left behind, every account balances, and the log tells why a sync failed."""
        self.rig.execute(WAIT_FOR_DEAD_SESSIONS)
        left = self.rig.rows(LEFT_BEHIND)
        assert left == [], f"left behind: {left}"
        for row in self.rig.rows("select * from sync_logs"):
            if row["status"] == "failed":
                assert re.search(reason, row["errors"][-1]["error"])
            else:
                account = Account(**{term: row[term] for term in Account().terms()})
                assert account.is_balanced, account
                # A retry queues again what it could not load, and says of each page why.
                again = row["errors"] if row["sync_type"] == "retry" else []
                assert row["pages_queued"] == len(again)
                assert all(re.search(reason, error["error"]) for error in again)
            assert row["completed_at"] is not None
        for landed in Landing(self.rig.landing_url, self.rig.spec.source).syncs():
            assert landed.is_read, "a folder without its manifest is left"
            assert not [path.name for path in landed.folder.iterdir() if path.name.startswith(".")]


def _once(number: int, act: Callable[[], None]) -> Callable[[int], None]:
    """A hook of the wire: kill at this message, and let nothing of it through."""

    def hook(message: int) -> None:
        if message == number:
            act()
            raise WireCutError

    return hook


@contextmanager
def site_of(flow: Flow, database: DatabaseAddress, folder: Path) -> Iterator[Site]:
    """The situation before a flow: 30 users are synced, then some change, come, go, break or are mended.

    Before a replay the YAML is mended instead, so that most of what stands in quarantine fits.
    """
    with ScriptedServer() as server, Wire(database) as wire:
        api = FakeUsersApi()
        server.script("/users", api)
        environment = {**ENVIRONMENT, "EXTERNAL_API_URL": server.url}
        missing: dict[str, object] = (
            {} if flow == "compared" else {"on_missing": "deactivate", "max_missing_share": 0.5}
        )
        spec = users_spec(batch_size=10, **missing)
        rig = Rig(database, str(folder / "landing"), api, environment, spec)
        api.fill(30)
        api.put_text(14.5, BAD.replace("77", "78"))
        for number in range(101, 113) if flow == "replay" else ():
            api.put_text(number, BAD.replace("77", str(number)).replace("true", "null", number % 2))
        rig.sync()
        rig.tick(3600)
        _change(api)
        rig.tick(60)
        if flow == "replay":
            rig.spec = users_spec(**{**spec.model_dump(include={"batch_size"}), "fields": MENDED})
        if flow == "retry":
            api.faults |= {2: status(500), 3: status(500)}
            rig.sync()
            api.faults.clear()
        yield Site(rig, wire, flow)


def _change(api: FakeUsersApi) -> None:
    for number in range(2, 24, 2):
        api.put(number, first_name="Changed")
    for number in range(31, 46):
        api.put(number)
    api.put_text(14.5, BAD.replace("77", "78").replace("5,", '"mended@x",'))
    api.put_text(40.5, BAD)
    api.delete(26, 28)


def require_survival(
    flow: Flow, seed: int, reference: Reference, database: DatabaseAddress, folder: Path
) -> bool:
    """Kill a run at the seed's place; after a rerun all must be as if nothing had happened.

    Returns:
        Whether it died; some are done before.
    """
    point = chosen_point(random.Random(f"{flow}{seed}"), reference)
    with site_of(flow, database, folder) as site:
        was_killed = site.kill(point)
        site.rerun()
        assert site.content() == reference.content, f"seed {seed}: {flow}, killed {point}: {was_killed}"
        site.require_clean()
    return was_killed


def require_recovery(
    flow: Flow, seed: int, reference: Reference, database: DatabaseAddress, folder: Path
) -> None:
    """Lose Postgres at the seed's message; the run mends it or fails readably, and a rerun repairs."""
    chance = random.Random(f"{flow}{seed}")
    loss, at = chance.choice(LOSSES), chance.randint(1, reference.messages)
    with site_of(flow, database, folder) as site:
        failure = site.lose_database(loss, at)
        assert failure is None or re.search(LOST, failure), f"seed {seed}: {flow}, {loss} {at}: {failure}"
        site.rerun()
        assert site.content() == reference.content, f"seed {seed}: {flow}, {loss} {at}: {failure}"
        site.require_clean(reason=f"killed|{LOST}")


def chosen_point(chance: random.Random, reference: Reference) -> KillPoint:
    """Choose a place of a run by chance, each kind as often as the others."""
    most = {"before reply": reference.requests, "before file": reference.files}
    place = chance.choice([place for place in PLACES if most.get(place, 1)])  # a replay asks nobody
    if place == "at time":
        return KillPoint(place, chance.uniform(0, reference.seconds))
    return KillPoint(place, chance.randint(1, most.get(place, reference.messages)))
