"""Rows that landed while Postgres could not take them: queued as one batch, loaded later, accounted for."""

from collections.abc import Iterator
from typing import LiteralString

import pytest
import stamina

from sync_platform.pull import sync as engine
from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status

TRIES = 3
REFUSE: LiteralString = """
create sequence refusals;
create function refuse() returns trigger language plpgsql as $$
begin
    if nextval('refusals') <= tg_argv[0]::int then
        raise exception 'not now, ann@example.com' using errcode = tg_argv[1];
    end if;
    return null;
end
$$;
"""


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """The tries of a load follow one another at once; there are as many."""
    with stamina.set_testing(testing=True, attempts=TRIES):
        yield


def refuse(rig: Rig, code: LiteralString, times: int = TRIES) -> None:
    """Let Postgres answer the next writes of users with an error; a sequence counts through rollbacks."""
    rig.execute(REFUSE)
    rig.execute(
        f"create trigger refuse before insert or update on users for each statement"
        f" execute function refuse({times}, '{code}')"
    )


@pytest.mark.parametrize("code", ["55P03", "40P01", "53200", "57014"])
def test_rows_that_postgres_cannot_take_now_are_queued_and_a_drain_loads_them(
    rig: Rig, code: LiteralString
) -> None:
    rig.api.fill(25)
    rig.api.put_text(12.5, '{"id": "bad"}')
    refuse(rig, code)
    report = rig.sync()
    assert (report.status, report.proof, rig.watermark()) == ("completed_with_errors", "none", None)
    assert (report.account.seen, report.account.queued, report.account.quarantined) == (26, 25, 1)
    assert rig.table() == {}
    [entry] = rig.queue()
    assert (entry["kind"], entry["page"], entry["status"]) == ("batch", None, "pending")
    assert entry["payload"] == {"sync_id": report.sync_id, "blocks": 1}
    [error] = rig.log(report.sync_id)["errors"]
    assert error["error"] == entry["error"]
    assert code in entry["error"]
    assert "ann@" not in str(rig.lines) + entry["error"]

    assert rig.drain(is_all=False).attempted == 0, "it is not due yet"
    rig.tick(60)
    drained = rig.drain(is_all=False)
    assert (drained.done, drained.account.inserted) == (1, 25)
    row = rig.log(report.sync_id)
    assert (row["queued"], row["inserted"], row["records_processed"], row["seen"]) == (0, 25, 25, 26)
    assert row["status"] == "completed_with_errors", "a record is still in quarantine"
    assert rig.table() == rig.api.table(12.5)
    assert rig.watermark() is None, "the next proven sync moves it"
    rig.sync()
    assert rig.watermark() is not None


@pytest.mark.parametrize("kind", ["page", "batch"])
def test_an_entry_whose_load_loses_postgres_waits_and_says_so(rig: Rig, kind: str) -> None:
    rig.api.fill(15)
    if kind == "page":
        rig.api.faults[2] = status(500)
    else:
        refuse(rig, "55P03")
    rig.sync()
    rig.api.faults.clear()
    rig.execute("drop trigger if exists refuse on users; drop function if exists refuse()")
    rig.execute("drop sequence if exists refusals")
    refuse(rig, "57P01")
    assert (rig.drain().postponed, rig.drain().done) == (1, 1)
    [entry] = rig.queue()
    assert (entry["kind"], entry["status"], entry["attempts"]) == (kind, "done", 2)
    first, second = rig.rows("select * from sync_logs where sync_type = 'retry' order by sync_id")
    assert (first["status"], second["status"]) == ("completed_with_errors", "completed")
    [error] = first["errors"]
    assert "connection to Postgres was lost while loading into users" in error["error"]
    assert rig.table() == rig.api.table()


def test_a_lock_that_is_free_in_time_queues_nothing(rig: Rig) -> None:
    rig.api.fill(5)
    refuse(rig, "55P03", times=TRIES - 1)
    report = rig.sync()
    assert (report.status, report.account.inserted, rig.queue()) == ("completed", 5, [])


def test_a_batch_that_is_loaded_late_never_goes_over_newer_rows(rig: Rig) -> None:
    rig.api.fill(5)
    refuse(rig, "55P03")
    queued = rig.sync()
    rig.tick(60)
    rig.api.put(3, first_name="Newer")
    rig.sync()
    rig.drain()
    row = rig.log(queued.sync_id)
    assert (row["unchanged"], row["stale"], row["queued"], row["status"]) == (4, 1, 0, "unproven")
    assert rig.table() == rig.api.table()


def test_a_late_batch_of_a_full_sync_deactivates_nobody(rig: Rig) -> None:
    rig.spec = users_spec(on_missing="deactivate", max_missing_share=1.0)
    rig.api.fill(6)
    rig.sync()
    rig.api.delete(2)
    refuse(rig, "55P03")
    rig.api.put(4, first_name="Changed")
    assert rig.sync(SyncOrder("full")).account.queued == 5
    rig.tick(60)
    rig.api.put(8)
    rig.sync()
    rig.drain()
    assert {key: row for key, row in rig.table().items() if key != "2"} == rig.api.table()
    assert rig.table()["2"][2] == "active"
    assert rig.sync(SyncOrder("full")).account.deactivated == 1


def test_a_batch_whose_sync_also_queued_a_page_is_whole_when_both_are_done(rig: Rig) -> None:
    rig.api.fill(25)
    rig.api.faults[2] = status(500)
    refuse(rig, "40P01")
    report = rig.sync()
    assert (report.account.queued, report.account.pages_queued) == (15, 1)
    rig.api.faults.clear()
    assert rig.drain().done == 2
    row = rig.log(report.sync_id)
    assert (row["inserted"], row["queued"], row["pages_queued"], row["status"]) == (25, 0, 0, "unproven")
    assert rig.table() == rig.api.table()


def test_a_batch_that_postgres_never_takes_dies_and_stays_named(rig: Rig) -> None:
    rig.api.fill(5)
    refuse(rig, "55P03", times=6 * TRIES)
    report = rig.sync()
    for _ in range(5):
        rig.drain()
    [entry] = rig.queue()
    assert (entry["status"], entry["attempts"]) == ("dead", 5)
    row = rig.log(report.sync_id)
    assert (row["queued"], row["status"]) == (5, "completed_with_errors")
    rig.drain()
    rig.sync()
    assert rig.table() == rig.api.table(), "the watermark had stayed"


def test_a_lone_rerun_of_the_load_before_the_sync_is_closed_names_the_batch_once(rig: Rig) -> None:
    rig.api.fill(5)
    refuse(rig, "55P03", times=2 * TRIES)
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    for _ in range(2):
        assert [account.queued for account in engine.load(context, scope).accounts.values()] == [5]
    assert len(rig.queue()) == 1
    [account] = engine.load(context, scope).accounts.values()
    assert (account.queued, account.inserted) == (0, 5)
    [report] = engine.close(context, scope)
    assert (report.status, report.proof) == ("completed", "total")
    assert rig.drain().done == 1
    assert rig.log(report.sync_id)["inserted"] == 5, "its account was complete already"
