"""Two syncs at once, and a run that works on after a newer one took over: nothing goes backwards.

A run that lost its lock with its connection does not know it. Whatever it still writes, to the table, the
ledgers or the watermark, is refused in the transaction that would write it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.ledger import ledger_of
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.pull.replay import replay_quarantine
from sync_platform.pull.reports import PullContext, Scope
from sync_platform.pull.retry import drain
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.locks import named_lock
from sync_platform_tests.fake_users_api import STARTED_AT, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status
from sync_platform_tests.torture.errands import Errand, run

REFUSED = "not this run's turn to write for users"
LOSE_THE_LOCK: LiteralString = """
select pg_terminate_backend(pid) from pg_locks
where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
"""
WAIT_AFTER_INSERT: LiteralString = """
create function wait() returns trigger language plpgsql as
$$ begin perform pg_advisory_lock(4711); perform pg_advisory_unlock(4711); return null; end $$;
create trigger wait after insert on users for each statement execute function wait()
"""
WAIT_UNTIL_SOMEBODY_WAITS: LiteralString = """
do $$
begin
    for attempt in 1..500 loop
        perform pg_stat_clear_snapshot();
        exit when exists (
            select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        );
        perform pg_sleep(0.02);
    end loop;
end
$$
"""
OPENED = {
    "sync_id": 1,
    "run_id": "old-run",
    "sync_type": "full",
    "started_at": STARTED_AT,
    "window_since": None,
    "window_until": None,
    "retry_of": None,
}
BOOKS: tuple[LiteralString, ...] = (
    "select * from sync_logs order by 1",
    "select * from sync_metadata order by 1",
    "select * from sync_retry_queue order by 1",
    "select * from sync_quarantine order by 1",
)
Step = Callable[[PullContext, Scope], object]
STEPS: tuple[Step, ...] = (engine.normalize, engine.load, engine.close)


def everything(rig: Rig) -> list[object]:
    """Rows with the transactions that wrote them, watermark, and every ledger."""
    books = [rig.rows(query) for query in BOOKS]
    return [rig.table(), rig.versions(), rig.watermark(), *books]


@pytest.mark.parametrize("steps_before_sleep", [0, 1, 2])
def test_a_run_that_wakes_up_after_a_newer_one_took_over_writes_nothing(
    rig: Rig, steps_before_sleep: int
) -> None:
    rig.api.fill(25)
    rig.api.put_text(14.5, '{"id": "bad"}')
    old = rig.context("old-run")
    scope = rig.read(old)
    for step in STEPS[:steps_before_sleep]:
        step(old, scope)
    rig.tick(3600)
    rig.api.put(3, first_name="Newer")
    rig.api.put(30)
    assert turns.take_turn(rig.context()) == ("old-run",)
    rig.sync()
    after = everything(rig)

    for step in STEPS[steps_before_sleep:]:
        with pytest.raises(PermanentError, match=REFUSED):
            step(old, scope)
    assert not turns.fail(old, "it lost its turn")
    assert everything(rig) == after
    assert rig.table() == rig.api.table(14.5)
    assert [log["status"] for log in rig.rows("select status from sync_logs order by sync_id")] == [
        "failed",
        "completed_with_errors",
    ]


@pytest.mark.parametrize("step", [engine.load, engine.close])
def test_a_takeover_in_the_midst_of_a_step_undoes_what_it_was_writing(rig: Rig, step: Step) -> None:
    """Two real contexts: the old one's lock is lost while it works, and the new one waits for the lock."""
    rig.spec = users_spec(batch_size=10, on_missing="deactivate", max_missing_share=1.0)
    rig.api.fill(25)
    rig.sync()
    rig.tick(60)
    rig.api.put(3, first_name="Changed")
    with named_lock(rig.address, "sync:users", wait=False) as lock:
        old = rig.turn("old-run")
        scope = rig.read(old, SyncOrder("full"))
        for earlier in STEPS[: STEPS.index(step)]:
            earlier(old, scope)
        rig.execute(LOSE_THE_LOCK)
        assert not lock.is_held()
        rig.api.delete(7)
        with named_lock(rig.address, "sync:users", wait=False):
            assert turns.take_turn(rig.context("new-run")) == ("old-run",)
            before = everything(rig)
            with pytest.raises(PermanentError, match=REFUSED):
                step(old, scope)
            assert everything(rig) == before
            assert rig.sync(SyncOrder("full")).status == "completed"
    assert rig.table().items() >= rig.api.table().items()
    assert rig.table()["7"][2] == "inactive", "the old run's rows did not bring it back"


def test_a_load_that_is_overtaken_before_its_commit_rolls_back(rig: Rig) -> None:
    rig.api.fill(25)
    rig.execute(WAIT_AFTER_INSERT)
    old = rig.context("old-run")
    scope = rig.read(old)
    engine.normalize(old, scope)
    with connect(rig.address, autocommit=True) as gate, ThreadPoolExecutor() as pool:
        gate.execute("select pg_advisory_lock(4711)")
        load = pool.submit(engine.load, old, scope)
        rig.execute(WAIT_UNTIL_SOMEBODY_WAITS)
        turns.take_turn(rig.context("new-run"))
        gate.execute("select pg_advisory_unlock(4711)")
        with pytest.raises(PermanentError, match=REFUSED):
            load.result(30)
    assert rig.table() == {}


def test_a_takeover_waits_for_a_commit_that_is_under_way(rig: Rig) -> None:
    """What the old run commits, the new one finds: there is no moment between."""
    old, new = rig.turn("old-run"), rig.context("new-run")
    with ThreadPoolExecutor() as pool, ledger_of(old) as ledger:
        with ledger.writing("open_sync") as write:
            taken = pool.submit(turns.take_turn, new)
            rig.execute(WAIT_UNTIL_SOMEBODY_WAITS)
            write("open_sync", **OPENED)
            assert not taken.done()
        assert taken.result(30) == ("old-run",), "it closes what the old run has just committed"


@pytest.mark.parametrize("work", [drain, replay_quarantine])
def test_a_retry_or_replay_that_was_overtaken_writes_nothing(
    rig: Rig, work: Callable[[PullContext], object]
) -> None:
    rig.api.fill(15)
    rig.api.put(3, email=5)
    rig.api.faults[2] = status(500)
    rig.sync()
    rig.api.faults.clear()
    rig.tick(3600)
    old = rig.turn("old-run")
    turns.take_turn(rig.context("new-run"))
    rig.spec = users_spec(fields={"active": "active"})
    before = everything(rig)
    with pytest.raises(PermanentError, match=REFUSED):
        work(old)
    assert everything(rig) == before


def test_a_run_that_slept_while_it_read_says_that_another_took_over(rig: Rig) -> None:
    rig.spec = users_spec(batch_size=10)
    rig.api.fill(45)
    newer: list[str] = []

    def sleep(event: ProgressEvent) -> None:
        if event.step == "read" and event.batch_num == 2 and not newer:
            newer.extend(turns.take_turn(rig.context("new-run")))

    with listen(sleep), pytest.raises(PermanentError, match=REFUSED):
        rig.read(rig.context("old-run"))
    assert newer == ["old-run"]
    assert (rig.table(), rig.watermark(), rig.queue()) == ({}, None, [])
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


@pytest.mark.parametrize("types", [("full", "full"), ("full", "incremental"), ("window", "full")])
def test_two_syncs_at_once_take_turns(rig: Rig, types: tuple[str, str]) -> None:
    rig.spec = users_spec(batch_size=10, max_concurrent_pages=4)
    rig.api.fill(45)
    errands = [
        Errand(
            flow=flow,  # type: ignore[arg-type]  # the table above holds flows
            run_id=f"run-{number}",
            spec=rig.spec,
            address=rig.address,
            landing_url=rig.landing_url,
            environment=rig.environment,
            now=rig.now,
        )
        for number, flow in enumerate(types)
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(run, errands))
    logs = rig.rows("select status, inserted, unchanged from sync_logs order by sync_id")
    assert rig.table() == rig.api.table()
    assert [log["status"] for log in logs] == ["completed"] * 2
    assert (sum(log["inserted"] for log in logs), logs[1]["inserted"]) == (45, 0)


def test_without_the_lock_the_last_one_to_take_its_turn_is_the_only_one_that_writes(rig: Rig) -> None:
    rig.api.fill(45)

    def sync(order: SyncOrder) -> bool:
        context = rig.context()
        try:
            scope = rig.read(context, order)
            for step in STEPS:
                step(context, scope)
        except PermanentError:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(sync, [SyncOrder("full"), SyncOrder("full"), SyncOrder("incremental")]))
    assert any(ended)
    assert rig.table() == rig.api.table()
    statuses = [log["status"] for log in rig.rows("select status from sync_logs")]
    assert (statuses.count("completed"), set(statuses)) == (
        ended.count(True),
        set(statuses) & {"completed", "failed"},
    )
