"""The queue of failed pages is drained: what is done, given back, waits longer, or dies."""

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull.retry import due_count
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import SettingsError
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status


def test_draining_the_queue_completes_the_account(rig: Rig) -> None:
    rig.api.fill(45)
    rig.api.faults |= {2: status(500), 4: status(500)}
    report = rig.sync()
    assert report.account.pages_queued == 2
    rig.api.faults.clear()
    drained = rig.drain()
    assert (drained.attempted, drained.done, drained.still_pending, drained.account.inserted) == (2, 2, 0, 20)
    assert rig.table() == rig.api.table()
    row = rig.log(report.sync_id)
    assert (row["seen"], row["inserted"], row["pages_queued"], row["rows_queued_estimate"]) == (45, 45, 0, 0)
    assert (row["status"], row["pages"], len(row["errors"])) == ("unproven", 5, 2)
    assert rig.watermark() is None, "draining does not move the watermark, the next proven sync does"
    rig.tick(60)
    assert rig.sync().status == "completed"
    assert rig.watermark() is not None


def test_a_page_with_bad_records_completes_the_account_too(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.put_text(12.5, '{"id": "bad"}')
    rig.api.faults[2] = status(500)
    report = rig.sync()
    rig.api.faults.clear()
    rig.drain()
    row = rig.log(report.sync_id)
    assert (row["seen"], row["inserted"], row["quarantined"]) == (16, 15, 1)
    assert row["status"] == "completed_with_errors"


def test_a_retried_page_is_given_the_window_of_its_sync(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    day = rig.now.date()
    report = rig.sync(SyncOrder("window", days=(day, day)))
    rig.api.faults.clear()
    rig.tick(86_400)
    rig.api.put(12, first_name="Later")
    rig.drain()
    row = rig.log(report.sync_id)
    assert (row["outside_window"], row["inserted"], row["seen"]) == (1, 14, 15)


def test_an_entry_that_fails_waits_longer_each_time_and_dies_at_last(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    rig.sync()
    waits = []
    for _ in range(5):
        rig.tick(3600)
        rig.drain(is_all=False)
        [entry] = rig.queue()
        waits.append(round((entry["next_attempt_at"] - rig.now).total_seconds()))
    assert waits[:4] == [60, 120, 240, 480]
    assert (entry["status"], entry["attempts"]) == ("dead", 5)
    assert rig.drain().attempted == 0
    [log] = rig.rows("select status, pages_queued from sync_logs where sync_type <> 'retry'")
    assert (log["status"], log["pages_queued"]) == ("completed_with_errors", 1)


def test_only_due_entries_are_tried_unless_all_are_wanted(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(429, {"Retry-After": "7200"})
    rig.sync()
    rig.api.faults.clear()
    assert (due_count(rig.context()), rig.drain(is_all=False).attempted) == (0, 0)
    rig.tick(7199)
    assert due_count(rig.context()) == 0
    rig.tick(1)
    assert due_count(rig.context()) == 1
    assert rig.drain(is_all=False).done == 1
    assert rig.drain(is_all=True).attempted == 0


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_drain_stops_and_no_entry_dies_of_it(rig: Rig, code: int) -> None:
    rig.api.fill(35)
    rig.api.faults |= {2: status(500), 3: status(500)}
    rig.sync()
    rig.api.faults |= {2: status(code), 3: status(code)}
    for _ in range(6):
        with pytest.raises(UnauthorizedError):
            rig.drain()
    assert [(entry["status"], entry["attempts"]) for entry in rig.queue()] == [("pending", 0)] * 2
    rig.api.faults.clear()
    assert rig.drain().done == 2


def test_a_missing_token_stops_a_drain_and_no_entry_dies_of_it(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    rig.sync()
    rig.environment = {**rig.environment, "EXTERNAL_API_TOKEN": ""}
    with pytest.raises(SettingsError, match="EXTERNAL_API_TOKEN"):
        rig.drain()
    assert [(entry["status"], entry["attempts"]) for entry in rig.queue()] == [("pending", 0)]


def test_entries_whose_drain_died_are_given_back(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    rig.sync()
    rig.execute("update sync_retry_queue set status = 'running', attempts = 1")
    rig.api.faults.clear()
    assert rig.drain().done == 1
    assert rig.table() == rig.api.table()


def test_a_page_that_was_loaded_before_its_drain_died_is_counted_once(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    report = rig.sync()
    rig.api.faults.clear()
    rig.drain()
    rig.execute("update sync_retry_queue set status = 'pending'")
    rig.execute("update sync_logs set seen = 10, inserted = 10, records_processed = 10, pages_queued = 1")
    rig.drain()
    row = rig.log(report.sync_id)
    assert (row["seen"], row["inserted"], row["unchanged"]) == (15, 10, 5)
