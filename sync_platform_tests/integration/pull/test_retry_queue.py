"""The retry queue: who takes how much of it, and what a retry leaves in the log."""

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull import turns
from sync_platform.pull.ledger import ledger_of
from sync_platform.pull.retry import due_count
from sync_platform.warehouse.connect import connect
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import status


def without_pages(rig: Rig, *pages: int) -> int:
    """A sync that had to queue these pages; returns its id."""
    rig.api.fill(10 * max(pages) + 5)
    rig.api.faults |= {page: status(500) for page in pages}
    report = rig.sync()
    rig.api.faults.clear()
    rig.tick(60)
    return report.sync_id


def test_a_retry_takes_ten_entries_at_a_time(rig: Rig) -> None:
    without_pages(rig, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15)
    first, second = rig.drain(is_all=False), rig.drain(is_all=False)
    assert (first.done, first.still_pending, second.done, second.still_pending) == (10, 2, 2, 0)
    assert rig.table() == rig.api.table()


def test_an_entry_that_somebody_else_holds_is_left_to_them(rig: Rig) -> None:
    without_pages(rig, 2, 3)
    with connect(rig.address) as other, ledger_of(rig.turn()) as ledger:
        other.execute("select from sync_retry_queue where page = 2 for update")
        claimed = ledger.claim_due_entries(at=rig.now, is_all=True, limit=10)
    assert [entry["page"] for entry in claimed] == [3]


def test_what_two_syncs_had_queued_completes_both_accounts(rig: Rig) -> None:
    first = without_pages(rig, 2)
    rig.api.put(12, first_name="Changed")
    rig.api.faults[2] = status(500)
    second = rig.sync().sync_id
    rig.api.faults.clear()
    assert rig.drain().done == 2
    assert [rig.log(sync_id)["pages_queued"] for sync_id in (first, second)] == [0, 0]
    retries = rig.rows("select retry_of from sync_logs where sync_type = 'retry' order by retry_of")
    assert [row["retry_of"] for row in retries] == [first, second]
    assert rig.table() == rig.api.table()


def test_what_a_retry_writes_points_at_its_own_row_in_the_log(rig: Rig) -> None:
    rig.api.fill(25)
    rig.api.put(12, email=5)
    rig.api.put(22, email=5)
    rig.api.faults |= {2: status(500), 3: status(500)}
    report = rig.sync()
    del rig.api.faults[3]
    rig.tick(60)
    rig.drain()
    [own] = rig.rows("select * from sync_logs where sync_type = 'retry'")
    assert (own["retry_of"], own["seen"], own["inserted"], own["quarantined"]) == (report.sync_id, 5, 4, 1)
    assert (own["status"], own["pages"], own["pages_queued"]) == ("completed_with_errors", 1, 1)
    assert [error["page"] for error in own["errors"]] == [2]
    rig.api.faults.clear()
    rig.api.put(12)
    rig.drain()
    logged = {row["sync_id"] for row in rig.rows("select sync_id from sync_logs")}
    assert {row["sync_id"] for row in rig.rows("select sync_id from users")} <= logged
    assert {row["sync_id"] for row in rig.rows("select sync_id from sync_quarantine")} <= logged
    assert rig.log(report.sync_id)["inserted"] == 24
    [*_, last] = rig.rows("select status from sync_logs where sync_type = 'retry' order by sync_id")
    assert last["status"] == "completed"


def test_a_failed_retry_is_no_failed_sync_to_recover_from(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    rig.sync()
    rig.api.faults[2] = status(401)
    with pytest.raises(UnauthorizedError):
        rig.drain()
    [row] = rig.rows("select status, errors from sync_logs where sync_type = 'retry'")
    assert (row["status"], "401" in row["errors"][0]["error"]) == ("failed", True)
    rig.api.faults.clear()
    after = rig.context()
    rig.read(after)
    assert not turns.had_failed_before(after)


def test_entries_whose_drain_was_killed_are_due_for_the_sensor(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.faults[2] = status(500)
    rig.sync()
    rig.tick(60)
    rig.execute("update sync_retry_queue set status = 'running', attempts = 1")
    assert due_count(rig.context()) == 1
