"""Sources that change while they are read: what is proven is true, and the next sync finds the rest.

Requests are counted from 1. With pages of 10, read one at a time, a first pass asks for page 1, the latest
changes, page 1 once more, page 2, page 3, page 1 again for the total, and the latest changes again.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import STARTED_AT, FakeUsersApi, iso, users_spec
from sync_platform_tests.integration.pull.conftest import Rig

Change = Callable[[FakeUsersApi], None]


def change_before(rig: Rig, request: int, change: Change) -> None:
    """Change the source a minute after the read began, just before it answers this request."""

    def at_that_moment() -> None:
        rig.api.tick(60)
        change(rig.api)

    rig.api.before[len(rig.api.requests) + request] = at_that_moment


def insert_at_the_front(api: FakeUsersApi) -> None:
    api.put(0)


def insert_at_the_end(api: FakeUsersApi) -> None:
    api.put(99)


def delete_from_the_front(api: FakeUsersApi) -> None:
    api.delete(1)


def update_what_was_read(api: FakeUsersApi) -> None:
    api.put(2, first_name="Updated")


def update_what_is_unread(api: FakeUsersApi) -> None:
    api.put(29, first_name="Updated")


def swap_one_for_another(api: FakeUsersApi) -> None:
    api.delete(1)
    api.put(99)


def swap_thirty_for_thirty(api: FakeUsersApi) -> None:
    api.delete(*range(1, 11))
    for number in range(100, 110):
        api.put(number)


def insert_what_tells_an_older_time(api: FakeUsersApi) -> None:
    api.put_text(
        0.5,
        '{"id": 0, "email": "o@x", "first_name": "Old", "last_name": "L", "active": true, '
        '"updated_at": "2024-02-01T00:00:00Z"}',
    )


def insert_late_and_delete(api: FakeUsersApi) -> None:
    """A newcomer with a time before the read began, instead of a user that was read already."""
    api.delete(1)
    changed_at = STARTED_AT - timedelta(seconds=15)
    api.put_text(99, text_of(99, iso(changed_at)), updated_at=changed_at)


CHANGES = [
    insert_at_the_front,
    insert_at_the_end,
    delete_from_the_front,
    update_what_was_read,
    update_what_is_unread,
    swap_one_for_another,
    swap_thirty_for_thirty,
    insert_what_tells_an_older_time,
    insert_late_and_delete,
]


@pytest.mark.parametrize("request_number", [2, 3, 4, 6, 7])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_reading_is_never_lost(rig: Rig, change: Change, request_number: int) -> None:
    rig.api.fill(30)
    change_before(rig, request_number, change)
    first = rig.sync(SyncOrder("full"))
    rig.tick(600)
    rig.sync()
    held = rig.table()
    missing = {key: row for key, row in rig.api.table().items() if held.get(key) != row}
    assert not missing, (first.status, first.proof)
    assert first.status in ("completed", "unproven")


@pytest.mark.parametrize(
    "change",
    [swap_one_for_another, swap_thirty_for_thirty, delete_from_the_front, insert_late_and_delete],
)
def test_pages_that_shifted_are_read_again(rig: Rig, change: Change) -> None:
    rig.api.fill(30)
    change_before(rig, 4, change)
    report = rig.sync(SyncOrder("full"))
    assert any(line.startswith("reading again") for line in rig.lines)
    assert report.proof == "total"
    assert rig.api.table().items() <= rig.table().items(), "a second pass finds what the first one missed"


def test_an_insert_right_behind_page_1_is_not_hidden_by_a_deletion(rig: Rig) -> None:
    """Without a second page 1 it is in both looks, the deletion makes up the total, and 30 is lost."""
    rig.api.fill(30)
    change_before(rig, 2, lambda api: api.put_text(15.5, text_of(99, iso(api.now))))
    change_before(rig, 7, lambda api: api.delete(12))
    report = rig.sync(SyncOrder("full"))
    assert rig.api.table().items() <= rig.table().items()
    assert report.proof == "total"


@pytest.mark.parametrize("age_s", [0, 75], ids=["new", "committed late"])
def test_a_user_that_came_and_went_within_the_read_hides_no_other(rig: Rig, age_s: float) -> None:
    """Read on page 2, where it pushes 20 onto page 3, then gone: the count is right without 20."""
    rig.api.fill(30)

    def come(api: FakeUsersApi) -> None:
        changed_at = api.now - timedelta(seconds=age_s)
        api.put_text(15.5, text_of(99, iso(changed_at)), updated_at=changed_at)

    change_before(rig, 4, come)
    change_before(rig, 5, lambda api: api.delete(15.5))
    report = rig.sync(SyncOrder("full"))
    assert rig.api.table().items() <= rig.table().items()
    assert report.proof == "total"


def test_records_that_tell_another_time_than_the_filter_are_read_twice_and_proven(rig: Rig) -> None:
    """A local time without a zone, two hours ahead: it looks like a change that has vanished."""
    rig.api.fill(30)
    ahead = (STARTED_AT + timedelta(hours=1)).replace(tzinfo=None)
    rig.api.put_text(29, text_of(29, ahead.isoformat()), updated_at=STARTED_AT - timedelta(hours=1))
    report = rig.sync(SyncOrder("full"))
    assert (report.status, report.proof) == ("completed", "total")
    assert sum(line.startswith("reading again") for line in rig.lines) == 1


def test_what_a_further_pass_repeats_is_not_seen_again(rig: Rig) -> None:
    rig.api.fill(30)
    change_before(rig, 4, update_what_was_read)
    report = rig.sync(SyncOrder("full"))
    assert (report.account.seen, report.account.inserted, report.account.duplicate) == (31, 30, 1)
    assert (report.status, report.proof) == ("completed", "total")
    assert rig.table() == rig.api.table()


def test_without_a_change_time_the_version_of_the_last_pass_wins(rig: Rig) -> None:
    params = {"page": "{page}", "limit": 10}
    rig.spec = users_spec(incremental=None, request={"path": "/users", "params": params})
    rig.api.fill(30)

    def move_to_the_front(api: FakeUsersApi) -> None:
        api.delete(25)
        api.put_text(0.5, text_of(25, iso(STARTED_AT)))

    change_before(rig, 4, move_to_the_front)
    report = rig.sync()
    assert (report.status, report.account.duplicate) == ("completed", 1)
    assert rig.table()["25"] == ("u@x", "F L", "active")


def test_a_bad_record_that_only_a_further_pass_brings_is_named_as_received(rig: Rig) -> None:
    bad = '{"id": 77, "email": 5, "active": true, "updated_at": "2024-05-01T12:01:00Z"}'
    late = (
        '{"id": 78, "email": "l@x", "active": true, "updated_at": "2024-05-01T12:01:00Z", "first_name": "L"}'
    )

    def insert(api: FakeUsersApi) -> None:
        api.put_text(0.1, bad)
        api.put_text(0.2, late)

    rig.api.fill(30)
    change_before(rig, 4, insert)
    report = rig.sync(SyncOrder("full"))
    [entry] = rig.quarantine()
    assert (bytes(entry["record"]).decode(), entry["external_id"]) == (bad, "77")
    assert report.account.quarantined == 1
    assert rig.table()["78"] == ("l@x", "L", "active")


@pytest.mark.parametrize("record", ["5", "null", '"text"', "[]", '{"id": 1e400}', '{"id": NaN}'])
def test_a_record_that_is_none_does_not_stop_a_further_pass(rig: Rig, record: str) -> None:
    rig.api.fill(30)
    change_before(rig, 4, lambda api: api.put_text(0.5, record))
    report = rig.sync(SyncOrder("full"))
    assert report.account.quarantined == 1
    assert rig.api.table(0.5).items() <= rig.table().items()


def test_a_source_that_never_stands_still_stays_unproven_and_the_watermark_stays(rig: Rig) -> None:
    rig.api.fill(30)
    for request in range(2, 60):
        change_before(rig, request, lambda api: api.put(100 + len(api.requests)))
    report = rig.sync()
    assert (report.status, report.proof, rig.watermark()) == ("unproven", "none", None)
    assert rig.log(report.sync_id)["errors"] == []
    rig.api.before.clear()
    rig.tick(600)
    assert rig.sync().status == "completed"
    assert rig.table() == rig.api.table()


def test_records_that_change_after_the_read_began_do_not_count_against_the_proof(rig: Rig) -> None:
    rig.api.fill(30)
    for request in range(2, 60):
        change_before(rig, request, lambda api: api.put(1 + len(api.requests) % 30, first_name="Busy"))
    report = rig.sync(SyncOrder("full"))
    assert (report.status, report.proof) == ("completed", "total")
    rig.api.before.clear()
    rig.tick(600)
    rig.sync()
    assert rig.table() == rig.api.table()


def test_a_source_that_really_lists_keys_twice_is_proven_by_a_second_look(rig: Rig) -> None:
    rig.api.fill(25)
    for number in (3, 14):
        twin = rig.api.texts()[number - 1]
        rig.api.put_text(number + 0.5, twin)
    report = rig.sync()
    assert (report.status, report.proof, report.account.duplicate) == ("completed", "total", 2)
    assert rig.table() == rig.api.table()


def test_an_update_that_leaves_a_past_window_does_not_shift_its_pages_unseen(rig: Rig) -> None:
    rig.spec = users_spec(
        request={
            "path": "/users",
            "params": {"page": "{page}", "limit": 10, "updated_since": "{since}", "updated_until": "{until}"},
        }
    )
    rig.api.fill(30)
    rig.api.tick(-3600 * 24 * 30)
    before = rig.api.now
    for number in range(1, 31):
        rig.api.put(number)
    rig.api.tick(3600 * 24 * 30)

    def leave_and_come(api: FakeUsersApi) -> None:
        api.put(1)
        api.put_text(30.5, text_of(31, iso(before)), updated_at=before)

    change_before(rig, 4, leave_and_come)
    report = rig.sync(SyncOrder("window", days=(before.date(), before.date())))
    assert report.proof == "total"
    assert {str(number) for number in range(2, 32)} <= rig.table().keys()


@pytest.mark.parametrize("request_number", [2, 3, 6, 7])
def test_a_look_back_that_fails_leaves_the_pages_read(rig: Rig, request_number: int) -> None:
    rig.api.fill(30)
    rig.api.failing_requests = {request_number}
    report = rig.sync()
    assert rig.table() == rig.api.table()
    assert (report.status, report.proof, report.account.seen) == ("completed", "total", 30)


def test_a_further_pass_that_fails_leaves_what_was_read_unproven(rig: Rig) -> None:
    rig.api.fill(30)
    change_before(rig, 4, update_what_was_read)
    rig.api.failing_requests = {8}
    report = rig.sync(SyncOrder("full"))
    assert (report.status, report.proof, report.account.seen) == ("unproven", "none", 30)
    assert rig.watermark() is None
    rig.tick(600)
    rig.sync()
    assert rig.table() == rig.api.table()


def text_of(user_id: int, changed: str) -> str:
    return (
        f'{{"id": {user_id}, "email": "u@x", "first_name": "F", "last_name": "L", "active": true, '
        f'"updated_at": "{changed}"}}'
    )


def test_without_a_total_pages_that_shift_are_found_by_a_second_look(rig: Rig) -> None:
    rig.spec = users_spec(pagination={"type": "page"}, max_concurrent_pages=None)
    rig.api.total_of = lambda _: None
    rig.api.fill(30)
    change_before(rig, 3, swap_one_for_another)
    report = rig.sync(SyncOrder("full"))
    assert (report.status, report.proof) == ("completed", "end_signal")
    assert rig.api.table().items() <= rig.table().items()
    assert rig.api.now > STARTED_AT
