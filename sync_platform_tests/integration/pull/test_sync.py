"""A sync from the first request to the closed account: windows, pages, the watermark, reruns."""

import json
from datetime import datetime, timedelta

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull.reports import Scope
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import PermanentError
from sync_platform_tests.fake_users_api import STARTED_AT, iso, users_spec
from sync_platform_tests.integration.pull.conftest import Rig, at, day


def test_the_first_sync_fills_the_table_and_moves_the_watermark_to_the_newest_change(rig: Rig) -> None:
    rig.api.fill(25)
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.proof, report.pages) == ("completed", "total", 3)
    assert (report.account.seen, report.account.inserted, report.account.expected) == (25, 25, 25)
    assert rig.watermark() == "2024-05-01T11:00:00.000000Z"
    assert rig.log(report.sync_id)["watermark_after"] == rig.watermark()


def test_a_second_sync_without_changes_writes_no_row(rig: Rig) -> None:
    rig.api.fill(25)
    rig.sync(SyncOrder("full"))
    before = rig.versions()
    rig.tick(3600)
    report = rig.sync(SyncOrder("full"))
    assert (report.account.unchanged, report.account.seen) == (25, 25)
    assert rig.versions() == before


def test_metadata_holds_provenance_the_id_in_its_type_and_when_the_row_changed_here(rig: Rig) -> None:
    rig.api.put(1)
    rig.api.put(2, id="two")
    rig.sync()
    rows = rig.rows("select external_id, metadata from users order by external_id")
    synced = {"source": "external-system", "synced_at": "2024-05-01T12:00:00.000000Z"}
    assert [row["metadata"] for row in rows] == [
        {**synced, "original_id": 1},
        {**synced, "original_id": "two"},
    ]


def test_an_incremental_sync_asks_from_the_watermark_less_the_lag_inclusive(rig: Rig) -> None:
    rig.api.fill(3)
    rig.sync()
    rig.tick(600)
    rig.api.put(2, first_name="Changed")
    rig.tick(60)
    report = rig.sync()
    assert {request.param("updated_since") for request in rig.api.requests[1:]} == {"2024-05-01T10:59:00Z"}
    assert (report.account.updated, report.account.unchanged) == (1, 2)
    assert rig.table() == rig.api.table()
    assert rig.watermark() == "2024-05-01T12:10:00.000000Z"


def test_the_first_incremental_sync_asks_from_the_start(rig: Rig) -> None:
    rig.sync()
    assert rig.api.requests[0].param("updated_since") == "2024-01-01T00:00:00Z"


def test_a_full_sync_sends_no_since_and_may_move_the_watermark(rig: Rig) -> None:
    rig.api.fill(3)
    report = rig.sync(SyncOrder("full"))
    assert rig.api.requests[0].param("updated_since") is None
    assert rig.log(report.sync_id)["sync_type"] == "full"
    assert rig.watermark() is not None


def test_the_watermark_never_passes_the_sources_clock(rig: Rig) -> None:
    rig.api.put(1, updated_at="2030-01-01T00:00:00Z")
    rig.sync()
    watermark = rig.watermark()
    assert watermark is not None
    assert at(5, 1, 11) < parsed(watermark) <= STARTED_AT


def test_a_window_reads_exactly_its_days_and_never_moves_the_watermark(rig: Rig) -> None:
    for number, moment in enumerate((at(2, 29, 23), at(3, 1), at(3, 2, 23), at(3, 3)), start=1):
        rig.api.now = moment
        rig.api.put(number)
    rig.api.now = STARTED_AT
    report = rig.sync(SyncOrder("window", days=(day(3, 1), day(3, 2))))
    assert rig.table().keys() == {"2", "3"}
    assert (report.account.outside_window, report.account.inserted, report.proof) == (1, 2, "total")
    assert rig.watermark() is None
    manifest = rig.landed(report.sync_id).read_manifest
    assert (manifest.first_day, manifest.last_day) == (day(3, 1), day(3, 2))
    assert rig.log(report.sync_id)["window_until"] == "2024-03-03T00:00:00.000000Z"


def test_a_since_behind_the_watermark_leaves_no_gap(rig: Rig) -> None:
    rig.api.fill(3)
    rig.sync()
    before = rig.watermark()
    rig.tick(7200)
    rig.api.put(1, first_name="Missed")
    rig.tick(7200)
    rig.api.put(2, first_name="Read")
    rig.sync(SyncOrder("incremental", since=rig.now - timedelta(hours=1)))
    assert rig.watermark() == before, "what changed between the watermark and --since was not read"
    rig.sync()
    assert rig.table() == rig.api.table()


def test_an_empty_source_is_proven_and_leaves_the_watermark(rig: Rig) -> None:
    report = rig.sync()
    assert (report.status, report.proof, report.account.seen, rig.table()) == ("completed", "total", 0, {})
    assert rig.watermark() is None


@pytest.mark.parametrize("users", [1, 9, 10, 11, 20, 30])
def test_any_number_of_users_around_the_page_size_is_read_whole(rig: Rig, users: int) -> None:
    rig.api.fill(users)
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.pages) == ("completed", -(-users // 10))


def test_an_api_that_sends_shorter_pages_than_asked_for_is_read_whole(rig: Rig) -> None:
    rig.api.fill(23)
    rig.api.page_cap = 4
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.pages) == ("completed", 6)


def test_pages_read_at_once_end_in_the_same_table(rig: Rig) -> None:
    rig.spec = users_spec(max_concurrent_pages=8, batch_size=30)
    rig.api.fill(145)
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.account.inserted, report.pages) == ("completed", 145, 15)


def test_of_duplicates_in_one_sync_the_newest_wins(rig: Rig) -> None:
    rig.api.fill(12)
    for place, age in ((0.5, 5), (11.5, 60), (12.5, 30)):
        rig.api.now = STARTED_AT - timedelta(minutes=age)
        rig.api.put_text(place, user_text(rig, 3, first_name=f"Age{age}"))
    rig.api.now = STARTED_AT
    report = rig.sync()
    assert rig.table()["3"][1] == "Age5 Last"
    assert (report.account.duplicate, report.account.inserted, report.status) == (3, 12, "completed")
    assert (report.account.distinct, report.account.expected) == (12, 15)


def test_of_duplicates_without_a_change_time_the_one_read_last_wins(rig: Rig) -> None:
    rig.spec = users_spec(
        incremental=None, request={"path": "/users", "params": {"page": "{page}", "limit": 10}}
    )
    rig.api.fill(12)
    rig.api.put_text(12.5, user_text(rig, 3, first_name="Last read"))
    report = rig.sync()
    assert rig.table()["3"][1] == "Last read Last"
    assert (report.account.duplicate, report.status) == (1, "completed")


def test_a_source_without_change_time_is_always_full_and_unlabelled(rig: Rig) -> None:
    rig.spec = users_spec(
        incremental=None, request={"path": "/users", "params": {"page": "{page}", "limit": 10}}
    )
    rig.api.fill(25)
    report = rig.sync()
    assert (rig.log(report.sync_id)["sync_type"], report.proof, rig.watermark()) == ("full", "total", None)
    assert rig.landed(report.sync_id).read_manifest.first_day is None
    assert rig.sync().account.unchanged == 25
    assert rig.table() == rig.api.table()


def test_an_older_version_never_replaces_a_newer_one(rig: Rig) -> None:
    rig.api.put(1, first_name="New")
    rig.sync()
    rig.api.put(1, first_name="Old", updated_at="2024-04-01T00:00:00Z")
    report = rig.sync(SyncOrder("full"))
    assert report.account.stale == 1
    assert rig.table()["1"][1] == "New Last"


def test_each_step_runs_again_alone(rig: Rig) -> None:
    rig.api.fill(25)
    first = rig.context()
    scope = rig.read(first)
    for _ in range(2):
        engine.normalize(first, scope)
    for _ in range(2):
        engine.load(first, scope)
    requests = len(rig.api.requests)
    [closed] = engine.close(first, scope)
    before = rig.versions()

    again = rig.turn()
    scope = Scope(again.run_id, scope.days)
    assert engine.normalize(again, scope).sync_ids == (closed.sync_id,)
    [account] = engine.load(again, scope).accounts.values()
    [closed_again] = engine.close(again, scope)
    assert (account.unchanged, account.seen, account.is_balanced) == (25, 25, True)
    assert (closed_again.status, closed_again.sync_id) == ("completed", closed.sync_id)
    assert len(rig.api.requests) == requests, "a rerun of the later steps must not fetch"
    assert rig.versions() == before
    rig.require_balance(closed.sync_id)


def test_a_lone_rerun_takes_every_landed_sync_of_its_days_in_order(rig: Rig) -> None:
    rig.api.fill(3)
    first = rig.sync(SyncOrder("full"))
    rig.tick(60)
    rig.api.put(2, first_name="Changed")
    second = rig.sync()
    again = rig.turn()
    scope = Scope(again.run_id, (STARTED_AT.date(), STARTED_AT.date()))
    assert engine.normalize(again, scope).sync_ids == (first.sync_id, second.sync_id)
    accounts = engine.load(again, scope).accounts
    assert [account.is_balanced for account in accounts.values()] == [True, True]
    assert rig.table() == rig.api.table()


def test_a_day_on_which_nothing_landed_is_refused_with_the_next_step(rig: Rig) -> None:
    context = rig.turn()
    with pytest.raises(PermanentError, match="materialize external_users_pages first"):
        engine.normalize(context, Scope(context.run_id, (day(3, 1), day(3, 1))))


def test_a_sync_that_is_not_loaded_cannot_be_closed(rig: Rig) -> None:
    rig.api.fill(3)
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    with pytest.raises(PermanentError, match="materialize users first"):
        engine.close(context, scope)
    assert rig.watermark() is None
    assert rig.only_log()["status"] == "running"


def test_old_landed_files_go_but_not_those_that_the_queue_still_needs(rig: Rig) -> None:
    rig.spec = users_spec(keep_landed_days=0.000001)
    rig.api.fill(3)
    kept = rig.sync()
    rig.execute(
        "insert into sync_retry_queue (sync_id, source, kind, page, payload)"
        " values (%s, 'users', 'page', 1, '{}')",
        kept.sync_id,
    )
    gone = rig.sync()
    rig.now = at(5, 2) + timedelta(days=10_000)
    last = rig.sync()
    assert [rig.landed(report.sync_id).is_read for report in (kept, gone, last)] == [True, False, True]


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def user_text(rig: Rig, user_id: int, **fields: object) -> str:
    return json.dumps(
        {
            "id": user_id,
            "email": f"User{user_id}@Example.com",
            "first_name": "First",
            "last_name": "Last",
            "active": True,
            "updated_at": iso(rig.api.now),
            **fields,
        }
    )
