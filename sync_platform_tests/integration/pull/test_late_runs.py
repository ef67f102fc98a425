"""Two syncs at once, and a run that wakes up after a newer one has finished: nothing goes backwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.pull.reports import Scope
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import PermanentError
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.torture.errands import Errand, run


def wake_up_and_finish(rig: Rig, run_id: str, steps: int) -> None:
    """The steps that the old run still has before it; it must not get to the end."""
    context = rig.context(run_id)
    scope = Scope(run_id, None)
    for step in (engine.normalize, engine.load)[steps:]:
        step(context, scope)
    with pytest.raises(PermanentError, match="does not balance"):
        engine.close(context, scope)


@pytest.mark.parametrize("steps_before_sleep", [0, 1])
def test_a_run_that_wakes_up_after_a_newer_one_changes_nothing(rig: Rig, steps_before_sleep: int) -> None:
    rig.api.fill(25)
    old = rig.context("old-run")
    scope = rig.read(old)
    for step in (engine.normalize,)[:steps_before_sleep]:
        step(old, scope)
    rig.tick(3600)
    rig.api.put(3, first_name="Newer")
    rig.api.put(30)
    assert engine.abandoned_runs(rig.context()) == ("old-run",)
    rig.sync()
    rows, versions, watermark = rig.table(), rig.versions(), rig.watermark()
    logs = rig.rows("select * from sync_logs order by sync_id")

    wake_up_and_finish(rig, "old-run", steps_before_sleep)
    assert (rig.table(), rig.versions(), rig.watermark()) == (rows, versions, watermark)
    assert rig.rows("select * from sync_logs order by sync_id") == logs
    assert (logs[0]["status"], rows) == ("failed", rig.api.table())


def test_a_run_that_slept_while_it_read_finds_its_pages_gone_and_says_so(rig: Rig) -> None:
    rig.spec = users_spec(batch_size=10)
    rig.api.fill(45)
    newer: list[str] = []

    def sleep(event: ProgressEvent) -> None:
        if event.step == "read" and event.batch_num == 2 and not newer:
            newer.extend(engine.abandoned_runs(rig.context()))

    old = rig.context("old-run")
    with listen(sleep):
        scope = rig.read(old)
    assert newer == ["old-run"]
    with pytest.raises(PermanentError, match="landed files of this sync are gone"):
        engine.normalize(old, scope)
    assert (rig.table(), rig.watermark()) == ({}, None)
    engine.abandoned_runs(rig.context())
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


def test_a_late_close_never_moves_the_watermark_back(rig: Rig) -> None:
    rig.api.fill(25)
    old = rig.context("old-run")
    scope = rig.read(old)
    engine.normalize(old, scope)
    engine.load(old, scope)
    rig.tick(3600)
    rig.api.put(30)
    rig.sync()
    watermark = rig.watermark()
    [report] = engine.close(old, scope)
    assert (report.status, rig.watermark()) == ("completed", watermark)


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


def test_without_the_lock_two_syncs_at_once_still_load_every_row_once(rig: Rig) -> None:
    rig.api.fill(45)

    def sync(order: SyncOrder) -> None:
        context = rig.context()
        scope = rig.read(context, order)
        engine.normalize(context, scope)
        engine.load(context, scope)
        engine.close(context, scope)

    with ThreadPoolExecutor() as pool:
        list(pool.map(sync, [SyncOrder("full"), SyncOrder("full"), SyncOrder("incremental")]))
    logs = rig.rows("select sync_id, inserted from sync_logs")
    for log in logs:
        rig.require_balance(log["sync_id"])
    assert sum(log["inserted"] for log in logs) == 45
    assert rig.table() == rig.api.table()
