"""Runs that failed, died or never began: their rows, and how the next run goes on after them."""

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.reports import Scope
from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status


def test_a_run_that_never_began_a_sync_gets_a_row_too(rig: Rig) -> None:
    context = rig.context()
    assert turns.fail(context, "DATABASE_URL is wrong")
    assert not turns.fail(context, "DATABASE_URL is wrong")
    row = rig.only_log()
    assert (row["status"], row["errors"][0]["error"], row["pages"]) == ("failed", "DATABASE_URL is wrong", 0)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_killed_run_is_closed_by_the_next_and_the_table_is_as_if_nothing_had_happened(
    rig: Rig, steps: int
) -> None:
    rig.spec = users_spec(batch_size=10)
    rig.api.fill(25)
    rig.api.faults[2] = status(500)
    dead = rig.turn("dead-run")
    if steps == 0:  # killed while reading: a row, and pages without a manifest
        rig.api.faults[3] = status(401)
        with pytest.raises(UnauthorizedError):
            engine.read_source(dead, SyncOrder())
    else:
        scope = rig.read(dead)
        for step in (engine.normalize, engine.load)[: steps - 1]:
            step(dead, scope)
    dead_sync = rig.only_log()["sync_id"]
    assert rig.landed(dead_sync).folder.exists()
    rig.api.faults.clear()

    assert turns.take_turn(rig.context()) == ("dead-run",)
    assert turns.take_turn(rig.context()) == ()
    row = rig.log(dead_sync)
    assert (row["status"], rig.watermark()) == ("failed", None)
    assert "killed" in row["errors"][-1]["error"]
    assert rig.landed(dead_sync).folder.exists() is (steps > 0), "nobody can use what a dead read has landed"
    report = rig.sync()
    assert report.status == "completed"
    assert rig.table() == rig.api.table()
    rig.drain()
    assert rig.table() == rig.api.table()
    assert {entry["status"] for entry in rig.queue()} <= {"done"}


def test_a_living_run_is_not_called_dead_by_itself(rig: Rig) -> None:
    context = rig.context()
    rig.read(context)
    assert turns.take_turn(context) == ()


def test_a_success_after_a_failure_is_a_recovery(rig: Rig) -> None:
    rig.api.fill(5)
    turns.fail(rig.context(), "the API was down")
    recovered = rig.context()
    scope = rig.read(recovered)
    assert turns.had_failed_before(recovered)
    engine.normalize(recovered, scope)
    engine.load(recovered, scope)
    engine.close(recovered, scope)
    again = rig.context()
    rig.read(again)
    assert not turns.had_failed_before(again)


def test_a_failed_sync_that_had_landed_goes_on_in_a_lone_rerun(rig: Rig) -> None:
    rig.api.fill(25)
    first = rig.context()
    scope = rig.read(first)
    engine.normalize(first, scope)
    turns.fail(first, "the database was lost")
    requests = len(rig.api.requests)
    again = rig.turn()
    scope = Scope(again.run_id, scope.days)
    engine.normalize(again, scope)
    engine.load(again, scope)
    [report] = engine.close(again, scope)
    assert (report.status, rig.table()) == ("completed", rig.api.table())
    assert len(rig.api.requests) == requests
    assert rig.watermark() is not None
