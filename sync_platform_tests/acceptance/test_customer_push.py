"""Real pushes of the real code location: real Postgres, real HTTP, a real Dagster instance."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import dagster as dg
import pytest
from psycopg.rows import dict_row

from sync_platform.components import ApiPush
from sync_platform.components.abandoned import PROCESS_TAG
from sync_platform.components.api_push.launch import push_request, replay_request
from sync_platform.definitions import build_defs
from sync_platform.resources import default_resources
from sync_platform.resources.warehouse import is_lock_held
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.locks import named_lock
from sync_platform_tests.acceptance.test_users_sync import GONE_PROCESS, IMPLICIT_JOB, failure_of
from sync_platform_tests.acceptance.users_api import told
from sync_platform_tests.integration.push.conftest import add_customers, by_customer, customer_of
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    slow,
    status,
)
from sync_platform_tests.unit.components.push.pushes import push_spec

TOKEN = "canary-token-5f1d"
LOCK = "push:customer_push"
TAKEN = json_reply({"ok": True}, 201)
DELIVERIES = "customer_deliveries"


@dataclass(slots=True)
class Platform:
    """One code location with its database, receiver, alert receiver and Dagster instance."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    database: DatabaseAddress
    receiver: ScriptedServer

    def push(self, **options: Any) -> dg.ExecuteInProcessResult:
        """Push as the CLI asks for it, without the shipped wait unless a test says otherwise."""
        request = push_request("customers", **{"wait_s": 0, **options})
        job = self.definitions.resolve_job_def(request.job_name)
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config=dict(request.run_config),
            tags=dict(request.tags),
        )

    def rows(self, query: LiteralString, *values: object) -> list[dict[str, Any]]:
        with connect(self.database) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(query, values))

    def last_log(self) -> dict[str, Any]:
        return self.rows("select * from push_logs order by id desc limit 1")[0]

    def sent_to(self) -> list[str]:
        return [customer_of(request) for request in self.receiver.requests_to("/customers")]

    def alerts(self) -> list[str]:
        return told(self.receiver.requests_to("/alerts"))


@pytest.fixture
def platform(
    database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    with ScriptedServer() as receiver, dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", database.uri())
        monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("CUSTOMER_PUSH_URL", f"{receiver.url}/customers")
        monkeypatch.setenv("CUSTOMER_PUSH_TOKEN", TOKEN)
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{receiver.port}/alerts")
        receiver.script("/alerts", status(200))
        receiver.script("/customers", TAKEN)
        add_customers(database, 20)
        yield Platform(build_defs(), instance, database, receiver)


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    [materialization] = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in materialization.metadata.items()}


def observations_of(platform: Platform, result: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    events = platform.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
    observed = [event.dagster_event for event in events]
    return [
        {name: value.value for name, value in one.asset_observation_data.asset_observation.metadata.items()}
        for one in observed
        if one is not None
    ]


def test_the_job_sends_every_customer_once_and_its_books_balance(platform: Platform) -> None:
    result = platform.push()
    assert result.success
    assert sorted(platform.sent_to()) == [f"c{n:05}" for n in range(1, 21)]
    first, *_ = platform.receiver.requests_to("/customers")
    assert json.loads(first.body) == {
        "id": "c00001",
        "email": "c1@example.com",
        "name": "Customer 1",
        "status": "active",
    }
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("customer_deliveries_account_balances", True)
    log = platform.last_log()
    assert (log["status"], log["selected"], log["delivered"]) == ("completed", 20, 20)
    assert log["run_id"] == result.run_id


def test_the_ui_gets_rows_and_columns_of_the_query_and_the_account_of_the_push(platform: Platform) -> None:
    platform.receiver.script("/customers", by_customer(c00007=status(422)))
    result = platform.push()
    customers = metadata_of(result, "customers")
    assert customers["dagster/row_count"] == 20
    assert [column.name for column in customers["dagster/column_schema"].columns] == [
        "customer_id",
        "email",
        "name",
        "status",
    ]
    shown = metadata_of(result, DELIVERIES)
    assert (shown["selected"], shown["delivered"], shown["dead"], shown["in_doubt"]) == (20, 19, 1, 0)
    assert shown["rate_per_s"] > 0
    assert "| **accounted for** | 20 of 20 |" in shown["account"]
    assert "| `c00007` | dead | 1 | status 422" in shown["undelivered"]
    assert shown["status"] == "completed_with_errors"


def test_a_second_push_sends_nothing_again_and_says_so(platform: Platform) -> None:
    assert platform.push().success
    result = platform.push()
    assert len(platform.sent_to()) == 20
    shown = metadata_of(result, DELIVERIES)
    assert (shown["delivered"], shown["already_delivered"]) == (0, 20)


def test_one_asset_alone_is_materialized_as_the_ui_does_it(platform: Platform) -> None:
    job = platform.definitions.resolve_implicit_global_asset_job_def()
    config = {"ops": {DELIVERIES: {"config": {"wait_s": 0, "limit": 3}}}}
    result = job.execute_in_process(
        instance=platform.instance,
        asset_selection=[dg.AssetKey(DELIVERIES)],
        run_config=config,
    )
    assert result.success
    assert platform.sent_to() == ["c00001", "c00002", "c00003"]
    assert job.name == IMPLICIT_JOB


def test_a_limit_leaves_the_rest_planned_for_the_next_push(platform: Platform) -> None:
    assert platform.push(limit=5).success
    log = platform.last_log()
    assert (log["status"], log["delivered"], log["planned"]) == ("completed", 5, 15)
    assert platform.push().success
    assert len(set(platform.sent_to())) == len(platform.sent_to()) == 20


def test_a_dry_run_shows_masked_samples_and_sends_writes_and_materializes_nothing(platform: Platform) -> None:
    result = platform.push(dry_run=True)
    assert result.success
    assert platform.sent_to() == []
    assert platform.rows("select * from push_deliveries") == []
    assert platform.rows("select * from push_logs") == []
    assert result.asset_materializations_for_node(DELIVERIES) == []
    [shown] = observations_of(platform, result)
    assert (shown["dry_run"], shown["selected"], shown["planned"]) == (True, 20, 20)
    samples = [record.data for record in shown["samples"].records]
    assert samples[0]["to"] == "c***1"
    assert "example.com" not in str(samples)


def test_progress_is_observed_few_times_and_to_the_end(platform: Platform) -> None:
    add_customers_from(platform.database, first=21, last=400)
    seen = observations_of(platform, platform.push())
    assert 1 <= len(seen) <= 20
    assert (seen[-1]["sent"], seen[-1]["to_send"], seen[-1]["is_last"]) == (400, 400, True)
    assert {"failed", "percent", "sending_rate_per_s"} <= seen[-1].keys()


def add_customers_from(address: DatabaseAddress, *, first: int, last: int) -> None:
    with connect(address, autocommit=True) as connection:
        connection.execute(
            "insert into users (external_id, email, name, status, updated_at, sync_id) "
            "select 'c' || lpad(n::text, 5, '0'), 'c' || n || '@example.com', 'Customer ' || n, 'active', "
            "now(), 1 from generate_series(%s::int, %s::int) as n",
            [first, last],
        )


def test_refused_credentials_fail_the_push_and_people_are_told_until_it_works_again(
    platform: Platform,
) -> None:
    platform.receiver.script("/customers", status(401))
    result = platform.push()
    assert not result.success
    assert "CUSTOMER_PUSH_TOKEN" in failure_of(result)
    log = platform.last_log()
    assert (log["status"], log["planned"]) == ("failed", 20)
    platform.receiver.script("/customers", TAKEN)
    assert platform.push().success
    assert platform.push().success
    assert platform.alerts() == ["The push of customers failed", "The push of customers works again"]


def test_a_push_that_the_receiver_stopped_is_told_and_so_is_its_recovery(platform: Platform) -> None:
    quick = {"failures": 2, "probe_s": 0.1, "give_up_s": 0.5}
    component = ApiPush(push_spec(breaker=quick), "customer_push")
    platform.definitions = dg.Definitions.merge(
        component.build_defs(dg.ComponentTree.for_test().load_context),
        dg.Definitions(resources=default_resources()),
    )
    platform.receiver.script("/customers", status(500))
    result = platform.push()
    assert result.success
    shown = metadata_of(result, DELIVERIES)
    assert (shown["status"], shown["dead"], shown["planned"]) == ("incomplete", 0, 20)
    assert "has taken nothing for 0.5 s" in shown["ended_early"]
    platform.receiver.script("/customers", TAKEN)
    assert platform.push().success
    assert platform.alerts() == [
        "The push of customers ended before everything was sent",
        "The push of customers works again",
    ]


def test_a_customer_that_failed_is_sent_again_by_the_replay_under_the_same_key(platform: Platform) -> None:
    platform.receiver.script("/customers", by_customer(c00003=status(422)))
    assert platform.push().success
    platform.receiver.script("/customers", TAKEN)
    request = replay_request("customers")
    job = platform.definitions.resolve_job_def(request.job_name)
    assert job.execute_in_process(instance=platform.instance).success
    tries = [one for one in platform.receiver.requests_to("/customers") if customer_of(one) == "c00003"]
    assert len(tries) == 2
    assert len({one.headers["idempotency-key"] for one in tries}) == 1
    log = platform.last_log()
    assert (log["kind"], log["selected"], log["delivered"], log["dead"]) == ("replay", 1, 1, 0)


def test_an_account_that_does_not_balance_fails_the_run(platform: Platform) -> None:
    def forget(request: RecordedRequest) -> ScriptedReply:
        if customer_of(request) == "c00010":
            with connect(platform.database, autocommit=True) as connection:
                connection.execute("delete from push_deliveries where customer_id = 'c00001'")
        return TAKEN

    platform.receiver.script("/customers", forget)
    result = platform.push()
    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert "20 customers selected, 19 accounted for" in (check.description or "")
    assert platform.alerts() == ["The push of customers failed"]


def test_no_wait_fails_where_another_push_is_at_work_and_a_run_gives_its_lock_back(
    platform: Platform,
) -> None:
    with named_lock(platform.database, LOCK, wait=False):
        result = platform.push(no_wait=True)
    assert not result.success
    assert LOCK in failure_of(result)
    assert platform.sent_to() == []
    assert platform.push().success
    assert not is_lock_held(LOCK)


def test_a_cancelled_push_is_logged_as_failed_at_once_and_goes_on_later(platform: Platform) -> None:
    def interrupt(request: RecordedRequest) -> ScriptedReply:
        if customer_of(request) != "c00004":
            return TAKEN
        platform.receiver.script("/customers", TAKEN)
        os.kill(os.getpid(), signal.SIGINT)
        return slow(status(201), before_headers_s=60)

    platform.receiver.script("/customers", interrupt)
    assert not platform.push().success
    log = platform.last_log()
    assert (log["status"], log["errors"][-1]["error"]) == ("failed", "the run was cancelled")
    assert not is_lock_held(LOCK)
    assert platform.push().success
    assert platform.rows("select count(*) as n from push_deliveries where status = 'delivered'")[0]["n"] == 20


def test_a_killed_run_is_closed_by_the_next_one_in_the_log_and_in_dagster(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def("customer_push_job")
    killed = platform.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    platform.instance.add_run_tags(killed.run_id, {PROCESS_TAG: GONE_PROCESS})
    platform.rows(
        "insert into push_logs (push_id, target, kind, status, run_id, round_id, started_at) "
        "values (1, 'customer_push', 'push', 'running', %s, 1, now()) returning id",
        killed.run_id,
    )
    assert platform.push().success
    [log] = platform.rows("select status from push_logs where push_id = 1")
    assert log["status"] == "failed"
    run = platform.instance.get_run_by_id(killed.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_no_event_and_no_alert_holds_a_secret_or_what_a_customer_is_called(platform: Platform) -> None:
    platform.receiver.script(
        "/customers",
        by_customer(c00002=json_reply({"error": "c2@example.com is known"}, 400), c00003=status(422)),
    )
    ended = [platform.push(), platform.push(dry_run=True)]
    platform.receiver.script("/customers", status(403))
    add_customers_from(platform.database, first=21, last=22)
    ended.append(platform.push())
    said = " ".join(str(platform.instance.all_logs(result.run_id)) for result in ended)
    said += " ".join(request.body.decode() for request in platform.receiver.requests_to("/alerts"))
    said += str(platform.rows("select errors from push_logs"))
    said += str(platform.rows("select last_error from push_deliveries"))
    assert "customer_deliveries" in said
    for private in (TOKEN, "@example.com", "Customer 2"):
        assert private not in said


def test_an_unset_url_is_a_readable_failure(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUSTOMER_PUSH_URL")
    result = platform.push()
    assert not result.success
    assert "CUSTOMER_PUSH_URL is not set" in failure_of(result)


def test_the_token_is_optional(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUSTOMER_PUSH_TOKEN")
    assert platform.push(limit=1).success
    [request] = platform.receiver.requests_to("/customers")
    assert "authorization" not in request.headers
