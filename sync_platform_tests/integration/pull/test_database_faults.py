"""Postgres and disks that refuse: each fault ends with a reason to act on, and a rerun repairs.

Lost connections stand in `test_crashes`, locks and resources in `test_queued_batches`.
"""

import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.vocabulary import PermanentError, SyncPlatformError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.migrations import migrate
from sync_platform.warehouse.server_place import ServerPlace
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.integration.pull.test_queued_batches import refuse

SET_READ_ONLY: LiteralString = """
do $$
begin
    execute format('alter database %%I set default_transaction_read_only = on', current_database());
end
$$
"""
SET_WRITABLE: LiteralString = """
begin;
set transaction read write;
do $$
begin
    execute format('alter database %%I reset default_transaction_read_only', current_database());
end
$$;
commit
"""
CREATE_LIMITED: LiteralString = """
create role limited login password 'limited';
grant select, insert, update on all tables in schema public to limited;
grant usage on all sequences in schema public to limited
"""


@contextmanager
def read_only(rig: Rig) -> Iterator[None]:
    rig.execute(SET_READ_ONLY)
    try:
        yield
    finally:
        rig.execute(SET_WRITABLE)


@pytest.fixture
def limited(rig: Rig) -> Iterator[Rig]:
    """The rig, whose user is no superuser but may do all that a sync does."""
    rig.execute(CREATE_LIMITED)
    keywords = dict(rig.address.keywords) | {"user": "limited", "password": "limited"}
    yield replace(rig, address=DatabaseAddress(tuple(sorted(keywords.items()))))
    rig.execute("drop owned by limited; drop role limited")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test's own, which may be stopped."""
    server = EmbeddedPostgres(tmp_path / "home")
    migrate(server.start())
    yield server
    server.stop()
    if place := ServerPlace.find(tmp_path / "home", 18):
        shutil.rmtree(place.folder, ignore_errors=True)


def require_repair(rig: Rig) -> None:
    """The next run closes what is left, and the table is the source's."""
    turns.take_turn(rig.context())
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()
    assert rig.rows("select 1 from sync_logs where status = 'running'") == []


def test_a_read_only_database_is_named_before_the_first_request(rig: Rig) -> None:
    rig.api.fill(5)
    with read_only(rig), pytest.raises(PermanentError, match=r"25006.*read-only.*primary"):
        rig.sync()
    assert rig.api.requests == []
    require_repair(rig)


def test_a_database_that_becomes_read_only_midway_leaves_nothing_half_written(rig: Rig) -> None:
    rig.api.fill(5)
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    with read_only(rig), pytest.raises(PermanentError, match="read-only"):
        engine.load(context, scope)
    assert rig.table() == {}
    require_repair(rig)


def test_a_missing_grant_is_named_and_the_load_goes_on_once_it_is_given(rig: Rig, limited: Rig) -> None:
    limited.api.fill(5)
    rig.execute("revoke insert on users from limited")
    context = limited.context()
    scope = limited.read(context)
    engine.normalize(context, scope)
    with pytest.raises(PermanentError, match=r"loading into users.*42501.*grant"):
        engine.load(context, scope)
    assert rig.table() == {}
    rig.execute("grant insert on users to limited")
    engine.load(context, scope)
    [report] = engine.close(context, scope)
    assert (report.status, rig.table()) == ("completed", rig.api.table())


def test_too_many_connections_are_named_and_a_later_run_repairs(rig: Rig, limited: Rig) -> None:
    limited.api.fill(5)
    rig.execute("alter role limited connection limit 1")
    with pytest.raises(SyncPlatformError, match="all its connections are taken: free some"):
        limited.sync()
    assert limited.api.requests == []
    rig.execute("alter role limited connection limit 5")
    require_repair(limited)


def test_a_full_disk_under_postgres_is_named_and_the_load_goes_on_once_there_is_room(rig: Rig) -> None:
    rig.api.fill(5)
    refuse(rig, "53100", times=1)
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    with pytest.raises(PermanentError, match=r"53100.*disk is full; make room"):
        engine.load(context, scope)
    assert (rig.table(), rig.queue()) == ({}, [])
    engine.load(context, scope)
    [report] = engine.close(context, scope)
    assert (report.status, rig.table()) == ("completed", rig.api.table())


def test_a_landing_zone_without_room_is_named_and_leaves_no_file_behind(rig: Rig) -> None:
    rig.api.fill(5)
    rig.api.put(6, last_name=random.Random(1).randbytes(2**20).hex())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, hard))
    try:
        with pytest.raises(PermanentError, match=r"landing zone cannot be used .*make room"):
            rig.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    dead = rig.landed(rig.only_log()["sync_id"])
    require_repair(rig)
    assert not dead.folder.exists()


def test_a_server_that_is_restarted_while_pages_are_read_is_not_noticed(
    server: EmbeddedPostgres, rig: Rig
) -> None:
    rig = replace(rig, address=server.start())
    rig.api.fill(35)
    rig.api.before[3] = lambda: _restart(server)
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


def test_a_server_that_is_restarted_while_rows_are_loaded_takes_them_on_the_next_try(
    server: EmbeddedPostgres, rig: Rig
) -> None:
    rig = replace(rig, address=server.start())
    rig.api.fill(35)
    with listen(_once("load", lambda: _restart(server))):
        assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


@pytest.mark.parametrize("step", ["normalize", "load"])
def test_a_server_that_stays_down_fails_the_run_readably_and_the_next_one_repairs(
    server: EmbeddedPostgres, rig: Rig, step: str
) -> None:
    rig = replace(rig, address=server.start())
    rig.api.fill(35)
    with (
        listen(_once(step, server.stop)),
        pytest.raises(SyncPlatformError, match=r"cannot connect to database|connection to Postgres was lost"),
    ):
        rig.sync()
    server.start()
    assert rig.only_log()["status"] == "running", "a lost database cannot be told"
    require_repair(rig)
    assert [row["status"] for row in rig.rows("select status from sync_logs order by sync_id")] == [
        "failed",
        "completed",
    ]


def _restart(server: EmbeddedPostgres) -> None:
    server.stop()
    server.start()


def _once(step: str, act: Callable[[], object]) -> Callable[[ProgressEvent], None]:
    done = iter([act])

    def hear(event: ProgressEvent) -> None:
        if event.step == step and (first := next(done, None)) is not None:
            first()

    return hear
