"""Records in quarantine that are judged anew: loaded where they fit now, named where they still do not."""

import json
from typing import Any, LiteralString

import pytest

from sync_platform.pull.replay import ReplayReport, replay_quarantine
from sync_platform_tests.fake_users_api import iso, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status

OPEN: LiteralString = "select external_id, reason from sync_quarantine where resolved_at is null order by id"
COLUMNS_OF_ANY = {
    "external_id": "CAST(id AS VARCHAR)",
    "email": "lower(CAST(email AS VARCHAR))",
    "name": "concat_ws(' ', first_name, last_name)",
    "status": "CAST(active AS VARCHAR)",
}
LENIENT = {"active": {"path": "active", "type": "boolean"}, "email": "email"}


def replay(rig: Rig) -> ReplayReport:
    """Replay, and demand that every account in sync_logs still balances and the watermark stays."""
    watermark = rig.watermark()
    report = replay_quarantine(rig.turn())
    assert rig.watermark() == watermark
    for row in rig.rows("select sync_id from sync_logs where status <> 'failed'"):
        rig.require_balance(row["sync_id"])
    return report


def terms(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_records_that_fit_the_mended_yaml_are_loaded_and_leave_the_quarantine(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.put(3, active=None)
    rig.api.put(12, email=5)
    rig.api.put_text(14.5, '{"no": "key"}')
    sync = rig.sync()
    assert sync.account.quarantined == 3
    rig.spec = users_spec(fields=LENIENT)
    report = replay(rig)
    assert (report.tried, report.resolved, report.still_quarantined) == (3, 2, 1)
    assert (report.account.inserted, report.account.quarantined) == (2, 1)
    assert len(rig.rows(OPEN)) == 1
    assert (rig.table()["12"][0], rig.table()["3"][2]) == ("5", "inactive")
    row = rig.log(sync.sync_id)
    assert terms(row, "seen", "inserted", "quarantined", "status") == (16, 15, 1, "completed_with_errors")
    assert {one["sync_id"] for one in rig.rows("select distinct sync_id from users")} == {sync.sync_id}


def test_a_replay_writes_an_account_of_its_own_and_completes_the_one_of_its_sync(rig: Rig) -> None:
    rig.api.fill(5)
    rig.api.put(3, email=5)
    sync = rig.sync()
    rig.spec = users_spec(fields=LENIENT)
    report = replay(rig)
    assert report.sync_id is not None
    own = rig.log(report.sync_id)
    assert terms(own, "sync_type", "status", "seen", "inserted") == ("replay", "completed", 1, 1)
    assert terms(rig.log(sync.sync_id), "inserted", "quarantined", "status") == (5, 0, "completed")


def test_an_empty_quarantine_is_nothing_to_do(rig: Rig) -> None:
    rig.api.fill(3)
    rig.sync()
    assert (replay(rig).sync_id, len(rig.rows("select from sync_logs"))) == (None, 1)


def test_a_record_that_is_still_refused_keeps_its_entry_with_the_reason_that_holds_now(rig: Rig) -> None:
    rig.api.put(1, email=5, active="yes")
    rig.sync()
    [before] = rig.quarantine()
    rig.spec = users_spec(fields={**LENIENT, "active": {"path": "active", "type": "boolean"}})
    report = replay(rig)
    [after] = rig.quarantine()
    assert (report.tried, report.resolved) == (1, 0)
    assert (after["id"], after["external_id"], after["resolved_at"]) == (before["id"], "1", None)
    assert after["reason"] != before["reason"]
    assert "active" in after["reason"]
    assert bytes(after["record"]) == bytes(before["record"])


def test_a_record_whose_newer_version_was_loaded_meanwhile_is_stale(rig: Rig) -> None:
    rig.api.put(1, email=5)
    sync = rig.sync()
    rig.execute("update sync_quarantine set external_id = null")  # as if its key could not be read then
    rig.tick(60)
    rig.api.put(1, first_name="Newer")
    rig.sync()
    rig.spec = users_spec(fields=LENIENT)
    assert (replay(rig).account.stale, rig.rows(OPEN)) == (1, [])
    assert rig.table() == rig.api.table()
    assert terms(rig.log(sync.sync_id), "stale", "quarantined") == (1, 0)


def test_a_row_without_a_change_time_of_a_later_sync_stays(rig: Rig) -> None:
    rig.spec = users_spec(incremental=None, request={"path": "/users", "params": {"page": "{page}"}})
    rig.api.put(1, email=5)
    rig.sync()
    rig.execute("update sync_quarantine set external_id = null")
    rig.api.put(1, first_name="Newer")
    rig.sync()
    rig.spec = users_spec(
        incremental=None, request={"path": "/users", "params": {"page": "{page}"}}, fields=LENIENT
    )
    assert replay(rig).account.stale == 1
    assert rig.table() == rig.api.table()


def test_of_several_records_of_one_key_the_newest_stays_whichever_sync_brought_it(rig: Rig) -> None:
    rig.api.put(1, email=5)
    first = rig.sync()
    rig.tick(60)
    rig.api.put(1, email="new@x", active="yes")
    second = rig.sync()
    rig.execute("update sync_quarantine set external_id = null")
    assert len(rig.rows(OPEN)) == 2
    rig.spec = users_spec(fields={"email": "email", "active": "active"}, columns=COLUMNS_OF_ANY)
    report = replay(rig)
    assert (report.account.inserted, report.account.updated, report.resolved) == (1, 1, 2)
    assert rig.table()["1"][0] == "new@x"
    assert rig.log(first.sync_id)["inserted"] == rig.log(second.sync_id)["updated"] == 1


def test_duplicates_in_one_sync_are_counted_as_such(rig: Rig) -> None:
    for place, name in ((1, "Old"), (1.5, "New")):
        user = {"id": 1, "first_name": name, "active": True, "updated_at": iso(rig.now), "email": None}
        rig.api.put_text(place, json.dumps(user | ({"extra": 1} if name == "New" else {})))
    rig.api.put(2, email=5)
    sync = rig.sync()
    assert (sync.account.quarantined, len(rig.rows(OPEN))) == (3, 2)
    rig.spec = users_spec(fields=LENIENT)
    report = replay(rig)
    assert (report.account.inserted, rig.rows(OPEN)) == (2, [])
    row = rig.log(sync.sync_id)
    assert terms(row, "seen", "inserted", "quarantined") == (3, 2, 1), "the older of the two stays counted"


def test_a_record_without_a_page_is_replayed(rig: Rig) -> None:
    rig.api.put(1, email=5)
    rig.sync()
    rig.execute("update sync_quarantine set page = null")
    rig.spec = users_spec(fields=LENIENT)
    assert (replay(rig).resolved, rig.table()["1"][0]) == (1, "5")


def test_a_record_that_is_no_json_stays_and_the_others_go(rig: Rig) -> None:
    rig.api.put_text(
        1, '{"id": 1, "email": "a\\ud800@x", "active": true, "updated_at": "2024-05-01T11:00:00Z"}'
    )
    rig.api.put_text(2, '{"id": 2, "email": "b@x", "active": NaN, "updated_at": "2024-05-01T11:00:00Z"}')
    rig.api.put(3, email=5)
    rig.sync()
    rig.spec = users_spec(fields=LENIENT)
    report = replay(rig)
    assert (report.resolved, report.still_quarantined) == (1, 2)
    assert rig.table().keys() == {"3"}


def test_a_row_that_postgres_refused_is_loaded_once_the_constraint_is_gone(rig: Rig) -> None:
    rig.execute("alter table users add constraint short_name check (length(name) < 20)")
    rig.api.fill(5)
    rig.api.put(3, first_name="A name that is far too long")
    sync = rig.sync()
    assert (replay(rig).still_quarantined, len(rig.rows(OPEN))) == (1, 1)
    rig.execute("alter table users drop constraint short_name")
    assert replay(rig).resolved == 1
    assert rig.table() == rig.api.table()
    assert rig.log(sync.sync_id)["inserted"] == 5


def test_a_record_of_a_retried_page_completes_the_sync_that_had_queued_the_page(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.put(12, email=5)
    rig.api.faults[2] = status(500)
    sync = rig.sync()
    rig.api.faults.clear()
    rig.drain()
    assert terms(rig.log(sync.sync_id), "quarantined", "status") == (1, "completed_with_errors")
    rig.spec = users_spec(fields=LENIENT)
    assert replay(rig).resolved == 1
    assert terms(rig.log(sync.sync_id), "inserted", "quarantined", "status") == (15, 0, "unproven")
    [retried] = rig.rows("select * from sync_logs where sync_type = 'retry'")
    assert terms(retried, "inserted", "quarantined", "status") == (5, 0, "completed")


def test_two_entries_that_come_to_the_same_reason_become_one_the_newer_record(rig: Rig) -> None:
    rig.api.put(1, email=5, active="yes")
    rig.sync()
    rig.tick(60)
    rig.api.put(1, email=5, active="yes", first_name="Newer")
    rig.spec = users_spec(fields=LENIENT)
    rig.sync()
    assert len(rig.rows(OPEN)) == 2
    assert replay(rig).still_quarantined == 2
    [entry] = [entry for entry in rig.quarantine() if entry["resolved_at"] is None]
    assert json.loads(bytes(entry["record"]))["first_name"] == "Newer"


def test_more_records_than_a_batch_are_replayed_batch_by_batch(rig: Rig) -> None:
    for number in range(1, 36):
        rig.api.put(number, email=number)
    sync = rig.sync()
    rig.spec = users_spec(fields=LENIENT, batch_size=10)
    report = replay(rig)
    assert (report.resolved, len(rig.table()), rig.log(sync.sync_id)["inserted"]) == (35, 35, 35)


@pytest.mark.parametrize("is_written_down", [False, True])
def test_a_replay_that_died_is_done_again_with_the_same_end(rig: Rig, is_written_down: bool) -> None:
    """Killed after the rows were committed: before their entries were closed, or before its own row was."""
    rig.api.fill(5)
    rig.api.put(3, email=5)
    sync = rig.sync()
    rig.spec = users_spec(fields=LENIENT)
    replay(rig)
    rig.execute("update sync_logs set status = 'running', completed_at = null where sync_type = 'replay'")
    if not is_written_down:
        rig.execute("update sync_quarantine set resolved_at = null")
        rig.execute(
            "update sync_logs set inserted = 4, records_processed = 4, quarantined = 1"
            " where sync_type <> 'replay'"
        )
    table = rig.table()
    report = replay(rig)
    assert (rig.table(), rig.rows(OPEN)) == (table, [])
    assert report.account.unchanged == int(not is_written_down)
    assert terms(rig.log(sync.sync_id), "records_processed", "quarantined") == (5, 0)
    [dead, *_] = rig.rows("select status from sync_logs where sync_type = 'replay' order by sync_id")
    assert dead["status"] == "failed"
