"""Pages that fail, credentials that expire, wrong totals, lost databases: what is named, or stands still.

The queue itself is drained in `test_draining`; runs that die have `test_dead_runs`.
"""

import json
from datetime import timedelta

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.pull.window import SyncOrder
from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import (
    ScriptedReply,
    body_reply,
    disconnect,
    html_reply,
    json_reply,
    reset_in_body,
    status,
)

FAULTS = {
    "500": status(500),
    "404": status(404),
    "429 for long": status(429, {"Retry-After": "7200"}),
    "a dropped connection": disconnect(),
    "a body cut short": reset_in_body({"data": [], "total": 25}),
    "a web page": html_reply(),
    "no JSON": body_reply(b'{"data": [{"id"'),
    "trailing bytes": body_reply(b'{"data": [], "total": 25} and more'),
    "invalid UTF-8": body_reply(b'{"data": ["\xff"], "total": 25}'),
    "nesting over 100": body_reply(b'{"data": [' + b"[" * 120 + b"]" * 120 + b"]}"),
    "no records": json_reply({"error": "later"}),
    "an empty page": json_reply({"data": [], "total": 25}),
    "null for a page": json_reply({"data": None, "total": 25}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_page_that_fails_is_queued_and_named_and_the_sync_goes_on(rig: Rig, fault: ScriptedReply) -> None:
    rig.api.fill(25)
    rig.api.faults[2] = fault
    report = rig.sync()
    assert rig.table().keys() == {str(number) for number in (*range(1, 11), *range(21, 26))}
    assert (report.status, report.proof, rig.watermark()) == ("completed_with_errors", "none", None)
    assert (report.account.pages_queued, report.account.rows_queued_estimate) == (1, 10)
    [error] = rig.log(report.sync_id)["errors"]
    assert error.keys() == {"page", "error", "timestamp"}
    assert error["page"] == 2
    [entry] = rig.queue()
    assert (entry["page"], entry["kind"], entry["status"], entry["attempts"]) == (2, "page", "pending", 0)
    assert entry["error"] == error["error"]
    assert entry["payload"] == {
        "method": "GET",
        "url": "/users",
        "params": [["page", "2"], ["limit", "10"], ["updated_since", "2024-01-01T00:00:00Z"]],
        "headers": [],
        "json": None,
    }


def test_after_too_many_failures_in_a_row_the_rest_is_queued_unasked(rig: Rig) -> None:
    rig.api.fill(200)
    rig.api.faults |= {page: status(500) for page in range(3, 21)}
    report = rig.sync()
    assert (report.account.seen, report.account.pages_queued) == (20, 18)
    assert len(rig.api.requests) == 14, (
        "page 1 twice, page 2, a look at the latest changes, and ten that failed"
    )
    assert len(rig.queue()) == len(rig.log(report.sync_id)["errors"]) == 18
    rig.api.faults.clear()
    assert rig.drain().done == 18
    assert rig.table() == rig.api.table()


def test_a_success_in_between_starts_the_count_of_failures_anew(rig: Rig) -> None:
    rig.api.fill(200)
    rig.api.faults |= {page: status(500) for page in range(2, 21) if page != 11}
    report = rig.sync()
    assert len(rig.api.requests) == 22
    assert report.account.pages_queued == 18


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(500), RetryableError),
        (disconnect(), RetryableError),
        (status(401), UnauthorizedError),
        (status(404), PermanentError),
        (html_reply(), PermanentError),
        (json_reply({"error": "nothing here"}), PermanentError),
    ],
)
def test_page_1_failing_fails_the_sync(rig: Rig, fault: ScriptedReply, error: type[Exception]) -> None:
    rig.api.faults[1] = fault
    context = rig.turn()
    with pytest.raises(error) as failure:
        engine.read_source(context, SyncOrder())
    assert turns.fail(context, str(failure.value))
    assert not turns.fail(context, "again")
    row = rig.only_log()
    assert (row["status"], rig.watermark(), rig.queue(), rig.table()) == ("failed", None, [], {})
    assert [entry["error"] for entry in row["errors"]] == [str(failure.value)]
    assert row["completed_at"] is not None


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_midway_stops_the_sync_at_once(rig: Rig, code: int) -> None:
    rig.api.fill(50)
    rig.api.faults[3] = status(code)
    context = rig.turn()
    with pytest.raises(UnauthorizedError):
        engine.read_source(context, SyncOrder())
    assert len(rig.api.requests) == 5
    turns.fail(context, "refused")
    assert (rig.only_log()["status"], rig.table(), rig.queue()) == ("failed", {}, [])


def test_a_database_that_is_lost_fails_readably_and_a_rerun_loads(rig: Rig) -> None:
    rig.api.fill(25)
    context = rig.context()
    scope = rig.read(context)
    engine.normalize(context, scope)
    rig.execute(
        "alter table users add column owner text not null default 'x';"
        " alter table users alter owner drop default"
    )
    with pytest.raises(PermanentError, match="owner"):
        engine.load(context, scope)
    rig.execute("alter table users drop column owner")
    [account] = engine.load(context, scope).accounts.values()
    assert (account.inserted, account.is_balanced) == (25, True)


@pytest.mark.parametrize("step", ["read", "normalize", "load"])
def test_a_connection_that_is_lost_in_a_step_is_made_again(rig: Rig, step: str) -> None:
    rig.spec = users_spec(batch_size=10)
    rig.api.fill(25)
    rig.api.put_text(14.5, '{"id": "bad"}')
    losses = iter(range(1))

    def lose_connections(event: ProgressEvent) -> None:
        if event.step == step and next(losses, None) is not None:
            rig.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

    with listen(lose_connections):
        report = rig.sync()
    assert next(losses, None) is None, "the connections were lost"
    assert (report.account.inserted, report.account.quarantined, report.proof) == (25, 1, "total")
    assert rig.table() == rig.api.table(14.5)


def test_a_wrong_total_is_a_contradiction_and_unproven(rig: Rig) -> None:
    rig.api.fill(5)
    rig.api.total_of = lambda _: 0
    report = rig.sync()
    assert (report.status, report.proof, rig.table()) == ("unproven", "none", rig.api.table())
    assert rig.watermark() is None


@pytest.mark.parametrize(("total", "proof"), [("5", "total"), (5.0, "total"), (-1, "none"), ("many", "none")])
def test_a_numeric_text_is_a_total_and_garbage_is_not(rig: Rig, total: object, proof: str) -> None:
    rig.api.fill(5)
    rig.api.total_of = lambda _: total
    report = rig.sync()
    assert (report.proof, rig.table()) == (proof, rig.api.table())


def test_a_total_that_is_too_high_queues_the_empty_pages_and_the_sync_ends(rig: Rig) -> None:
    rig.api.fill(25)
    rig.api.total_of = lambda _: 45
    report = rig.sync()
    assert (report.status, report.account.pages_queued) == ("completed_with_errors", 2)
    assert rig.table() == rig.api.table()


def test_more_rejects_than_allowed_stop_the_sync_before_the_table_is_touched(rig: Rig) -> None:
    rig.spec = users_spec(max_rejected_share=0.2)
    rig.api.fill(7)
    for place in (10, 11, 12):
        rig.api.put_text(place, json.dumps({"id": place}))
    context = rig.context()
    scope = rig.read(context)
    with pytest.raises(PermanentError, match="3 of 10 records"):
        engine.normalize(context, scope)
    with pytest.raises(PermanentError, match="run the step before this one first"):
        engine.load(context, scope)
    assert (rig.table(), rig.watermark()) == ({}, None)


def test_a_clash_of_types_is_refused_before_the_first_request(rig: Rig) -> None:
    rig.execute("drop view if exists customers; alter table users alter column name type integer using null")
    with pytest.raises(PermanentError, match="name"):
        engine.read_source(rig.turn(), SyncOrder())
    assert rig.api.requests == []


def test_a_watermark_that_somebody_has_spoilt_is_a_readable_error(rig: Rig) -> None:
    rig.execute("insert into sync_metadata (key, value) values ('last_user_sync', 'yesterday')")
    with pytest.raises(PermanentError, match="sync_metadata"):
        engine.read_source(rig.turn(), SyncOrder())


def test_a_full_sync_comes_when_it_is_due_and_not_before(rig: Rig) -> None:
    rig.spec = users_spec(full_every_s=7 * 86_400)
    rig.api.fill(5)
    types = []
    for hours in (0, 24, 6 * 24 - 1, 1, 24):
        rig.tick(timedelta(hours=hours).total_seconds())
        types.append(rig.log(rig.sync().sync_id)["sync_type"])
    assert types == ["incremental", "incremental", "incremental", "full", "incremental"]
