"""Records that break the contract: named once, kept as received, and resolved by a later good version."""

import json

import pytest

from sync_platform.pull import sync as engine
from sync_platform.pull.reports import Scope
from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig

OPEN = "select external_id, reason from sync_quarantine where resolved_at is null order by id"


def test_a_bad_record_is_named_with_page_and_reason_and_the_rest_goes_on(rig: Rig) -> None:
    rig.api.fill(15)
    rig.api.put(13, email=5)
    bad = rig.api.texts()[12]
    report = rig.sync()
    [entry] = rig.quarantine()
    assert (entry["external_id"], entry["page"], entry["source"]) == ("13", 2, "users")
    assert "got `int`" in entry["reason"]
    assert bytes(entry["record"]).decode() == bad
    assert (report.status, report.proof) == ("completed_with_errors", "total")
    assert (report.account.quarantined, report.account.inserted) == (1, 14)
    assert rig.table() == rig.api.table(13)
    assert rig.watermark() is not None, "what is named is not lost, so the sync is proven"


def test_the_same_bad_record_again_updates_its_row(rig: Rig) -> None:
    rig.api.put(1, email=5)
    rig.api.put_text(2, '{"no": "key"}')
    rig.sync()
    before = [(entry["id"], entry["created_at"]) for entry in rig.quarantine()]
    report = rig.sync(SyncOrder("full"))
    after = rig.quarantine()
    assert [(entry["id"], entry["created_at"]) for entry in after] == before
    assert {entry["sync_id"] for entry in after} == {report.sync_id}


def test_another_reason_of_the_same_record_is_another_entry(rig: Rig) -> None:
    rig.api.put(1, email=5)
    rig.sync()
    rig.api.put(1, active="yes")
    rig.sync(SyncOrder("full"))
    assert len(rig.rows(OPEN)) == 2


def test_a_later_good_version_resolves_every_entry_of_its_key(rig: Rig) -> None:
    rig.api.put(1, email=5)
    rig.api.put(2, email=5)
    rig.sync()
    rig.tick(60)
    rig.api.put(1)
    rig.sync()
    assert [entry["external_id"] for entry in rig.rows(OPEN)] == ["2"]
    assert rig.table().keys() == {"1"}


def test_a_good_version_that_changes_nothing_resolves_too(rig: Rig) -> None:
    rig.api.put(1)
    rig.sync()
    good = rig.api.texts()[0]
    rig.api.put(1, email=5)
    rig.sync(SyncOrder("full"))
    rig.api.put_text(1, good)
    report = rig.sync(SyncOrder("full"))
    assert (report.account.unchanged, rig.rows(OPEN)) == (1, [])


def test_a_rerun_after_the_yaml_was_mended_resolves_what_is_good_now(rig: Rig) -> None:
    rig.api.put(1, active=None)
    rig.api.put(2, email=5)
    report = rig.sync()
    assert len(rig.rows(OPEN)) == 2
    rig.spec = users_spec(fields={"active": {"path": "active", "type": "boolean"}, "email": "email"})
    again = rig.turn()
    scope = Scope(again.run_id, (rig.now.date(), rig.now.date()))
    engine.normalize(again, scope)
    engine.load(again, scope)
    assert rig.rows(OPEN) == []
    assert rig.table()["2"][0] == "5"
    rig.require_balance(report.sync_id)


def test_a_rerun_finds_the_same_bad_records_in_the_same_rows(rig: Rig) -> None:
    rig.api.put(1, email=5)
    rig.api.put(2)
    report = rig.sync()
    before = [entry["id"] for entry in rig.quarantine()]
    again = rig.turn()
    scope = Scope(again.run_id, (rig.now.date(), rig.now.date()))
    for _ in range(2):
        engine.normalize(again, scope)
        engine.load(again, scope)
    assert [entry["id"] for entry in rig.quarantine()] == before
    assert len(rig.rows(OPEN)) == 1
    rig.require_balance(report.sync_id)


def test_a_row_that_postgres_refuses_is_quarantined_as_received_and_the_others_are_loaded(rig: Rig) -> None:
    rig.spec = users_spec(batch_size=10)
    rig.execute("alter table users add constraint short_name check (length(name) < 20)")
    rig.api.fill(25)
    rig.api.put(17, first_name="A name that is far too long")
    bad = rig.api.texts()[16]
    report = rig.sync()
    [entry] = rig.quarantine()
    assert (entry["external_id"], entry["page"], bytes(entry["record"]).decode()) == ("17", 2, bad)
    assert "short_name" in entry["reason"]
    assert (report.account.inserted, report.account.quarantined, report.status) == (
        24,
        1,
        "completed_with_errors",
    )
    assert rig.table() == rig.api.table(17)


def test_a_refused_row_is_named_once_when_the_load_runs_again(rig: Rig) -> None:
    rig.execute("alter table users add constraint short_name check (length(name) < 20)")
    rig.api.fill(5)
    rig.api.put(3, first_name="A name that is far too long")
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    engine.load(context, scope)
    [account] = engine.load(context, scope).accounts.values()
    assert (account.unchanged, account.quarantined, account.is_balanced) == (4, 1, True)
    assert len(rig.quarantine()) == 1


@pytest.mark.parametrize("constraint", [True, False], ids=["refused by Postgres", "no date"])
def test_a_bad_row_of_any_pass_is_found_on_the_page_that_brought_it(rig: Rig, constraint: bool) -> None:
    if constraint:
        rig.execute("alter table users add constraint short_name check (length(name) < 20)")
    bad = {"first_name": "A name that is far too long"} if constraint else {"updated_at": "soon"}
    rig.api.fill(30)
    rig.api.put(5, **bad)

    def change() -> None:
        rig.api.tick(60)
        rig.api.put(0)
        rig.api.put(2, **bad)

    rig.api.before[4] = change
    rig.sync(SyncOrder("full"))
    records = {entry["external_id"]: json.loads(bytes(entry["record"])) for entry in rig.quarantine()}
    assert {key: record["id"] for key, record in records.items()} == {"2": 2, "5": 5}
    assert all(record.items() >= bad.items() for record in records.values())


def test_records_without_a_key_are_told_apart_by_their_bytes(rig: Rig) -> None:
    rig.api.put_text(1, '{"no": "key", "number": 1}')
    rig.api.put_text(2, '{"no": "key", "number": 2}')
    report = rig.sync()
    assert (len(rig.quarantine()), report.account.quarantined) == (2, 2)
    assert {entry["external_id"] for entry in rig.quarantine()} == {None}


@pytest.mark.parametrize("size", [3_000, 100_000])
def test_a_key_or_record_of_any_length_is_named(rig: Rig, size: int) -> None:
    rig.api.put(1, id="k" * size)
    rig.api.put(2, id="q" * size, email=5)
    rig.api.put(3)
    report = rig.sync()
    assert report.account.seen == 3
    assert rig.table().keys() >= {"3"}


def test_a_page_whose_every_record_is_bad_leaves_an_empty_table_and_a_balanced_account(rig: Rig) -> None:
    for number in range(1, 13):
        rig.api.put(number, email=number)
    report = rig.sync()
    assert (report.account.quarantined, report.account.seen, rig.table()) == (12, 12, {})
    assert rig.watermark() is None
