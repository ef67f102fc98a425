"""Work done ahead while a sync is read: the same books and rows as without, and nothing hangs on it."""

import subprocess
import sys
import time
from threading import Event
from typing import LiteralString

import polars as pl
import psutil
import pytest

from sync_platform.pull import ahead, makers
from sync_platform.pull import sync as engine
from sync_platform.pull.ahead import WorkAhead, forget_work, work_of
from sync_platform.pull.reports import PullContext, Scope
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import PermanentError, SyncPlatformError
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status

SMALL_BLOCKS = {"batch_size": 20}
SESSIONS: LiteralString = """
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
TERMINATE: LiteralString = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


@pytest.fixture(autouse=True)
def small_blocks(rig: Rig) -> None:
    rig.spec = users_spec(**SMALL_BLOCKS)


def work_on(rig: Rig, context: PullContext, scope: Scope) -> WorkAhead | None:
    [row] = rig.rows("select sync_id from sync_logs where run_id = %s", scope.run_id)
    return work_of(context, rig.landed(row["sync_id"]))


def finish(rig: Rig, context: PullContext, scope: Scope) -> None:
    engine.normalize(context, scope)
    engine.load(context, scope)
    [report] = engine.close(context, scope)
    rig.require_balance(report.sync_id)


def makers_at_work() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "sync_platform.pull.makers" in child.cmdline()]


def await_maker() -> psutil.Process:
    """The maker's process; it is started while pages are read, so it may take a moment."""
    deadline = time.monotonic() + 20
    while not (found := makers_at_work()) and time.monotonic() < deadline:
        Event().wait(0.01)
    return found[0]


@pytest.mark.parametrize("worth_a_process", [1, 1_000])
def test_full_blocks_are_ready_when_the_read_ends_and_let_go_of_when_the_sync_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, worth_a_process: int
) -> None:
    monkeypatch.setattr(makers, "_WORTH_A_PROCESS", worth_a_process)
    rig.api.fill(95)
    seen: list[psutil.Process] = []
    rig.api.before[9] = lambda: seen.extend([await_maker()] if worth_a_process == 1 else makers_at_work())
    rig.api.put(96, email=5)
    context = rig.context()
    scope = rig.read(context)

    work = work_on(rig, context, scope)
    assert work is not None
    assert sorted(work.blocks) == [1, 2, 3, 4]
    assert len(seen) == (1 if worth_a_process == 1 else 0)
    assert makers_at_work() == []
    finish(rig, context, scope)

    assert rig.table() == rig.api.table(96)
    assert [entry["external_id"] for entry in rig.quarantine()] == ["96"]
    log = rig.only_log()
    assert (log["seen"], log["inserted"], log["quarantined"], log["proof"]) == (96, 95, 1, "total")
    assert work_on(rig, context, scope) is None
    assert rig.rows(SESSIONS) == []


def test_what_a_further_pass_brings_is_worked_on_too(rig: Rig) -> None:
    rig.api.fill(95)
    rig.api.before[6] = lambda: rig.api.delete(1)  # pages shift while they are read
    report = rig.sync()
    assert rig.table().keys() >= rig.api.table().keys()
    assert report.proof == "total"


@pytest.mark.parametrize("is_lone", [False, True], ids=["in one run", "load alone"])
def test_a_sync_of_everything_hands_postgres_only_what_differs(rig: Rig, is_lone: bool) -> None:
    rig.api.fill(95)
    rig.sync()
    for user_id in (3, 50, 95, 96, 97):
        rig.api.put(user_id, first_name="Changed")
    rig.api.put(98, email=5)
    context = rig.turn()
    scope = rig.read(context, SyncOrder("full"))
    engine.normalize(context, scope)
    if is_lone:
        forget_work(rig.spec.source)
    engine.load(context, scope)
    [report] = engine.close(context, scope)
    rig.require_balance(report.sync_id)
    account = report.account
    assert rig.table() == rig.api.table(98)
    assert (account.inserted, account.updated, account.unchanged, account.quarantined) == (2, 3, 92, 1)


def test_rows_that_postgres_refuses_are_found_in_a_sync_of_everything_too(rig: Rig) -> None:
    rig.execute("alter table users add check (length(email) < 30)")
    rig.api.fill(15)
    rig.sync()
    rig.api.put(7, email=f"{'x' * 30}@example.com")
    for user_id in (8, 9):
        rig.api.put(user_id, first_name="Changed")
    context = rig.turn()
    scope = rig.read(context, SyncOrder("full"))
    engine.normalize(context, scope)
    forget_work(rig.spec.source)
    [row] = rig.rows("select sync_id from sync_logs where run_id = %s", scope.run_id)
    landed = rig.landed(row["sync_id"])
    # What no source can bring about, as normalizing refuses it: a text that no COPY takes.
    email = pl.when(pl.col("external_id") == "9").then(pl.lit("nul \0")).otherwise("email").alias("email")
    landed.write_rows(1, pl.DataFrame(pl.from_arrow(landed.rows(1))).with_columns(email))
    engine.load(context, scope)
    [report] = engine.close(context, scope)
    account = report.account
    assert (account.updated, account.unchanged, account.quarantined) == (1, 12, 2)
    assert {entry["external_id"] for entry in rig.quarantine()} == {"7", "9"}


def test_another_run_takes_nothing_of_it_and_makes_its_rows_by_its_own_yaml(rig: Rig) -> None:
    rig.api.fill(60)
    scope = rig.read(rig.context())
    rig.spec = users_spec(**SMALL_BLOCKS, columns={**users_spec().columns, "name": "upper(last_name)"})
    finish(rig, rig.turn(), Scope("another", scope.days))
    assert {name for _, name, _ in rig.table().values()} == {"LAST"}


def test_a_lost_staging_connection_costs_nothing_but_time(rig: Rig) -> None:
    rig.api.fill(95)
    context = rig.context()
    scope = rig.read(context)
    rig.rows(TERMINATE)
    finish(rig, context, scope)
    assert rig.table() == rig.api.table()
    assert rig.only_log()["inserted"] == 95


def test_a_connection_lost_while_staging_leaves_no_block_twice(rig: Rig) -> None:
    rig.api.fill(95)
    rig.api.before[7] = lambda: rig.execute(TERMINATE)
    context = rig.context()
    scope = rig.read(context)
    finish(rig, context, scope)
    log = rig.only_log()
    assert (log["inserted"], log["duplicate"]) == (95, 0)


def test_a_process_that_dies_leaves_its_blocks_to_their_step(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makers, "_WORTH_A_PROCESS", 1)
    rig.api.fill(95)
    rig.api.before[8] = lambda: await_maker().kill()
    context = rig.context()
    scope = rig.read(context)
    work = work_on(rig, context, scope)
    assert work is not None
    assert len(work.blocks) < 4
    assert any("no block is worked on ahead any more" in line for line in rig.lines)
    finish(rig, context, scope)
    assert rig.table() == rig.api.table()
    assert rig.only_log()["inserted"] == 95


def test_a_process_ends_with_the_one_that_it_works_for() -> None:
    program = (
        "import time\n"
        "from sync_platform.pull.makers import OwnProcess\n"
        "print(OwnProcess(None)._process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=20)
    assert gone == [child]


def test_a_source_with_many_rejects_waits_for_its_own_step(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_MOST_REJECTED", 3)
    rig.api.fill(90)
    for user_id in range(21, 31):
        rig.api.put(user_id, email=5)
    context = rig.context()
    scope = rig.read(context)
    work = work_on(rig, context, scope)
    assert work is not None
    assert sorted(work.blocks) == [1]
    finish(rig, context, scope)
    assert rig.table() == rig.api.table(*range(21, 31))
    assert len(rig.quarantine()) == 10


def test_a_bad_source_leaves_the_table_alone_however_much_was_staged(rig: Rig) -> None:
    rig.spec = users_spec(**SMALL_BLOCKS, max_rejected_share=0.1)
    rig.api.fill(60)
    for user_id in range(41, 61):
        rig.api.put(user_id, email=5)
    context = rig.context()
    scope = rig.read(context)
    with pytest.raises(PermanentError, match="max_rejected_share"):
        engine.normalize(context, scope)
    assert rig.table() == {}


def test_sql_that_fits_no_record_is_told_by_the_step_whose_work_it_is(rig: Rig) -> None:
    rig.spec = users_spec(**SMALL_BLOCKS, columns={**users_spec().columns, "name": "last_name + 1"})
    rig.api.fill(60)
    context = rig.context()
    scope = rig.read(context)
    with pytest.raises(PermanentError, match="column `name` cannot be computed"):
        engine.normalize(context, scope)


def test_a_read_that_fails_leaves_no_session_behind(rig: Rig) -> None:
    rig.api.fill(95)
    rig.api.faults[7] = status(401)
    context = rig.context()
    with pytest.raises(SyncPlatformError):
        rig.read(context)
    assert rig.rows(SESSIONS) == []
