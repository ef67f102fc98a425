"""Real runs of the real code location: real Postgres, real HTTP, a real Dagster instance."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any, LiteralString

import dagster as dg
import pytest
from psycopg.rows import dict_row

from sync_platform.components.abandoned import PROCESS_TAG
from sync_platform.components.api_sync.launch import retry_request, sync_request
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.definitions import build_defs
from sync_platform.resources.warehouse import is_lock_held
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.locks import named_lock
from sync_platform_tests.acceptance.users_api import TOKEN, Person, answer, people, person, told
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer, slow, status

JOB = "users_sync_job"
IMPLICIT_JOB = "__ASSET_JOB"
NAMES = SyncNames("users")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
GONE_PROCESS = json.dumps({"host": gethostname(), "process": {"pid": 999_999_999, "started_at_s": 1.0}})
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Platform:
    """One code location with its database, source, alert receiver and Dagster instance."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    database: DatabaseAddress
    api: ScriptedServer
    records: list[Person] = field(default_factory=list)

    def run(self, job: str = JOB, **options: Any) -> dg.ExecuteInProcessResult:
        if job == IMPLICIT_JOB:
            # What the UI's Materialize does with the assets of this source; the others have no days.
            options = {"asset_selection": [dg.AssetKey(name) for name in NAMES.assets]} | options
            found = self.definitions.resolve_implicit_global_asset_job_def()
        else:
            found = self.definitions.resolve_job_def(job)
        return found.execute_in_process(instance=self.instance, raise_on_error=False, **options)

    def rows(self, query: LiteralString, *values: object) -> list[dict[str, Any]]:
        with connect(self.database) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(query, values))

    def watermark(self) -> str | None:
        found = self.rows("select value from sync_metadata where key = 'last_user_sync'")
        return found[0]["value"] if found else None

    def last_log(self) -> dict[str, Any]:
        return self.rows("select * from sync_logs order by started_at desc limit 1")[0]

    def alerts(self) -> list[str]:
        return told(self.api.requests_to("/alerts"))


@pytest.fixture
def platform(
    database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    with ScriptedServer() as api, dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", database.uri())
        monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("EXTERNAL_API_URL", api.url)
        monkeypatch.setenv("EXTERNAL_API_TOKEN", TOKEN)
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{api.port}/alerts")
        api.script("/alerts", status(200))
        platform = Platform(build_defs(), instance, database, api, people(250, start=START))
        api.script("/users", lambda request: answer(platform.records, request))
        yield platform


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def partitions_of(result: dg.ExecuteInProcessResult, asset: str) -> list[str | None]:
    return [event.partition for event in result.asset_materializations_for_node(asset)]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    described = event.step_failure_data.user_failure_data
    return "" if described is None else described.description or ""


def test_the_job_loads_every_record_and_its_books_balance(platform: Platform) -> None:
    result = platform.run(partition_key=today())
    assert result.success
    [first] = platform.rows("select * from users where external_id = '1'")
    assert (first["email"], first["name"], first["status"]) == (
        "person.1@example.com",
        "Person 1",
        "inactive",
    )
    assert (first["metadata"]["source"], first["metadata"]["original_id"]) == ("external-system", 1)
    assert platform.rows("select count(*) as n from users")[0]["n"] == 250
    log = platform.last_log()
    assert (log["status"], log["proof"], log["seen"], log["inserted"]) == ("completed", "total", 250, 250)
    assert log["run_id"] == result.run_id
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("users_account_balances", True)


def test_a_second_run_asks_from_the_watermark_and_writes_nothing_again(platform: Platform) -> None:
    assert platform.run(partition_key=today()).success
    watermark = platform.watermark()
    assert watermark is not None
    platform.api.requests.clear()
    assert platform.run(partition_key=today()).success
    asked = platform.api.requests_to("/users")[0].param("updated_since")
    assert asked is not None
    assert datetime.fromisoformat(asked) == datetime.fromisoformat(watermark) - timedelta(seconds=60)
    log = platform.last_log()
    assert (log["inserted"], log["updated"]) == (0, 0)
    assert log["unchanged"] == log["seen"] > 0


def test_every_materialization_carries_what_the_ui_plots_and_links(platform: Platform) -> None:
    result = platform.run(partition_key=today())
    shown = {name: result.asset_materializations_for_node(name)[0].metadata for name in NAMES.assets}
    pages, normalized, users, metadata = (shown[name] for name in NAMES.assets)
    assert (pages["records"].value, pages["pages"].value) == (250, 3)
    assert Path(str(pages["landing_path"].value)).exists()
    assert users["unchanged_share"].value == 0
    assert "| inserted | 250 |" in str(users["account"].value)
    assert metadata["run"].value == result.run_id
    for materialization in (pages, normalized, users):
        assert isinstance(materialization["dagster/column_schema"], dg.TableSchemaMetadataValue)
    for materialization in (normalized, users):
        assert isinstance(materialization["dagster/column_lineage"], dg.TableColumnLineageMetadataValue)
    run = platform.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["sync_id"] == pages["sync_id"].value
    assert run.tags["sync_type"] == "incremental"


def test_progress_is_observed_on_the_pages_and_ends_with_the_last_batch(platform: Platform) -> None:
    result = platform.run(partition_key=today())
    observed = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION
    ]
    assert 1 <= len(observed) <= 20
    assert {one.asset_key.to_user_string() for one in observed} == {"external_users_pages"}
    last = observed[-1].metadata
    assert (last["is_last"].value, last["percent"].value, last["records"].value) == (True, 100.0, 250)


def test_a_job_run_without_a_partition_is_incremental_and_labelled_with_today(platform: Platform) -> None:
    result = platform.run()
    assert result.success
    assert platform.last_log()["sync_type"] == "incremental"
    assert {tuple(partitions_of(result, name)) for name in NAMES.assets} == {(today(),)}


def test_a_materialized_day_is_a_window_of_that_day_and_leaves_the_watermark(platform: Platform) -> None:
    platform.records[:] = [
        person(1, START + timedelta(hours=23, minutes=59)),
        person(2, START + timedelta(days=1)),
        person(3, START + timedelta(days=1, hours=23)),
        person(4, START + timedelta(days=2)),
    ]
    result = platform.run(IMPLICIT_JOB, partition_key="2024-01-02")
    assert result.success
    log = platform.last_log()
    assert (log["sync_type"], log["inserted"], log["outside_window"]) == ("window", 2, 1)
    assert [row["external_id"] for row in platform.rows("select external_id from users order by 1")] == [
        "2",
        "3",
    ]
    assert platform.watermark() is None


def test_a_backfill_is_one_run_that_labels_all_its_days(platform: Platform) -> None:
    days = {RANGE[0]: "2024-01-01", RANGE[1]: "2024-01-03"}
    result = platform.run(IMPLICIT_JOB, tags={**days, "dagster/backfill": "a-backfill"})
    assert result.success
    assert partitions_of(result, "users") == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert len(platform.rows("select from sync_logs where sync_type = 'window'")) == 1


def test_a_request_of_the_cli_runs_as_it_says(platform: Platform) -> None:
    request = sync_request("users", "window", START, START + timedelta(days=2))
    result = platform.run(request.job_name, run_config=request.run_config, tags=dict(request.tags))
    assert result.success
    assert platform.last_log()["sync_type"] == "window"
    assert partitions_of(result, "users") == ["2024-01-01", "2024-01-02"]


def test_normalizing_again_alone_asks_the_api_nothing(platform: Platform) -> None:
    assert platform.run(partition_key=today()).success
    platform.api.requests.clear()
    again = platform.run(
        IMPLICIT_JOB, partition_key=today(), asset_selection=[dg.AssetKey("normalized_users")]
    )
    assert again.success
    assert platform.api.requests == []
    [materialization] = again.asset_materializations_for_node("normalized_users")
    assert materialization.metadata["rows"].value == 250


@pytest.mark.parametrize("job", [JOB, IMPLICIT_JOB])
def test_a_refused_token_fails_the_run_is_logged_and_told_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    monkeypatch.setenv("EXTERNAL_API_TOKEN", "wrong-token")
    result = platform.run(job, partition_key=today())
    assert not result.success
    assert "EXTERNAL_API_TOKEN" in failure_of(result)
    log = platform.last_log()
    assert (log["status"], log["run_id"]) == ("failed", result.run_id)
    assert "401" in str(log["errors"])
    assert platform.alerts() == ["Sync of users failed"]
    assert "wrong-token" not in str(platform.instance.all_logs(result.run_id))


def test_the_first_success_after_failures_is_told_and_the_second_is_not(platform: Platform) -> None:
    platform.api.script("/users", status(404))
    assert not platform.run(partition_key=today()).success
    platform.api.script("/users", lambda request: answer(platform.records, request))
    assert platform.run(partition_key=today()).success
    assert platform.run(partition_key=today()).success
    assert platform.alerts() == ["Sync of users failed", "Sync of users works again"]


def test_an_unreachable_database_is_one_readable_line_and_still_told(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hidden@127.0.0.1:1/nowhere")
    result = platform.run(partition_key=today())
    assert not result.success
    assert "127.0.0.1" in failure_of(result)
    assert "hidden" not in failure_of(result)
    assert platform.alerts() == ["Sync of users failed"]
    assert platform.api.requests_to("/users") == []


def test_an_alert_that_fails_does_not_fail_the_run(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.api.script("/users", status(404))
    assert not platform.run(partition_key=today()).success
    platform.api.script("/users", lambda request: answer(platform.records, request))
    monkeypatch.setenv("ALERT_URLS", "nonsense")
    assert platform.run(partition_key=today()).success


def test_no_wait_fails_where_another_sync_is_at_work(platform: Platform) -> None:
    request = sync_request("users", "incremental", no_wait=True)
    with named_lock(platform.database, NAMES.lock, wait=False):
        result = platform.run(
            partition_key=request.partition_key, run_config=request.run_config, tags=dict(request.tags)
        )
    assert not result.success
    assert NAMES.lock in failure_of(result)
    assert platform.api.requests_to("/users") == []


def test_a_run_gives_its_lock_back(platform: Platform) -> None:
    assert platform.run(partition_key=today()).success
    with named_lock(platform.database, NAMES.lock, wait=False) as lock:
        assert lock.is_held()


def test_a_killed_run_is_closed_by_the_next_one_in_the_log_and_in_dagster(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def(JOB)
    killed = platform.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    platform.instance.add_run_tags(killed.run_id, {PROCESS_TAG: GONE_PROCESS})
    platform.rows(
        "insert into sync_logs (sync_id, source, sync_type, status, run_id, started_at) "
        "values (1, 'users', 'incremental', 'running', %s, now()) returning id",
        killed.run_id,
    )
    assert platform.run(partition_key=today()).success
    [log] = platform.rows("select status, errors from sync_logs where sync_id = 1")
    assert log["status"] == "failed"
    run = platform.instance.get_run_by_id(killed.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_cancelled_run_is_logged_as_failed_at_once(platform: Platform) -> None:
    def interrupt(_: RecordedRequest) -> ScriptedReply:
        os.kill(os.getpid(), signal.SIGINT)
        return slow(status(200), before_headers_s=60)

    platform.api.script("/users", interrupt)
    assert not platform.run(partition_key=today()).success
    log = platform.last_log()
    assert (log["status"], log["errors"][-1]["error"]) == ("failed", "the run was cancelled")
    assert not is_lock_held(NAMES.lock)


def test_an_account_that_does_not_balance_stops_before_the_watermark(platform: Platform) -> None:
    def run(*assets: str) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(name) for name in assets]
        return platform.run(partition_key=today(), asset_selection=selection)

    first = run(NAMES.pages, NAMES.normalized)
    [pages] = first.asset_materializations_for_node(NAMES.pages)
    manifest = Path(str(pages.metadata["landing_path"].value)) / "read.json"
    forged = manifest.read_text(encoding="utf-8").replace('"records": 250', '"records": 251')
    manifest.write_text(forged, encoding="utf-8")
    second = run(NAMES.table, NAMES.metadata)
    assert not second.success
    [check] = second.get_asset_check_evaluations()
    assert not check.passed
    assert "251 records seen, 250 accounted for" in (check.description or "")
    assert second.asset_materializations_for_node(NAMES.metadata) == []
    assert platform.watermark() is None
    assert platform.alerts() == ["Sync of users failed"]


def tick(platform: Platform) -> dg.RunRequest | dg.SkipReason:
    schedule = platform.definitions.resolve_schedule_def(NAMES.schedule)
    repository = platform.definitions.get_repository_def()
    with dg.build_schedule_context(instance=platform.instance, repository_def=repository) as context:
        found = schedule.evaluate_tick(context)
    return found.run_requests[0] if found.run_requests else dg.SkipReason(found.skip_message)


def test_a_tick_asks_for_an_incremental_sync_of_today(platform: Platform) -> None:
    request = tick(platform)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == today()
    assert platform.run(partition_key=request.partition_key, run_config=request.run_config).success


def test_a_tick_is_skipped_while_another_sync_is_at_work(platform: Platform) -> None:
    with named_lock(platform.database, NAMES.lock, wait=False):
        assert isinstance(tick(platform), dg.SkipReason)
    assert isinstance(tick(platform), dg.RunRequest)


def test_a_tick_is_skipped_while_a_run_is_queued_but_not_for_a_killed_one(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def(JOB)
    run = platform.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert isinstance(tick(platform), dg.SkipReason)
    platform.instance.add_run_tags(run.run_id, {PROCESS_TAG: GONE_PROCESS})
    assert isinstance(tick(platform), dg.RunRequest)


def without_page(platform: Platform, number: int) -> None:
    """Let one page be missing from now on."""

    def reply(request: RecordedRequest) -> ScriptedReply:
        is_missing = request.param("page") == str(number)
        return status(404) if is_missing else answer(platform.records, request)

    platform.api.script("/users", reply)


def test_a_page_that_failed_is_queued_and_the_retry_job_brings_it_later(platform: Platform) -> None:
    without_page(platform, 2)
    assert platform.run(partition_key=today()).success
    log = platform.last_log()
    assert (log["status"], log["pages_queued"], log["inserted"]) == ("completed_with_errors", 1, 150)
    assert platform.watermark() is None
    platform.api.script("/users", lambda request: answer(platform.records, request))
    request = retry_request("users", is_all=True)
    retried = platform.run(request.job_name, run_config=request.run_config)
    assert retried.success
    assert platform.rows("select count(*) as n from users")[0]["n"] == 250
    [output] = [event for event in retried.all_events if event.is_successful_output]
    counts = output.step_output_data.metadata
    assert (counts["done"].value, counts["inserted"].value, counts["still_pending"].value) == (1, 100, 0)
    assert platform.watermark() is None


def look(platform: Platform) -> str | None:
    """What the retry sensor says now; None when it starts a run."""
    sensor = platform.definitions.get_sensor_def(NAMES.retry_sensor)
    repository = platform.definitions.get_repository_def()
    with dg.build_sensor_context(instance=platform.instance, repository_def=repository) as context:
        found = sensor.evaluate_tick(context)
    return None if found.run_requests else found.skip_message


def test_the_sensor_starts_a_retry_only_when_something_is_due_and_nobody_is_at_work(
    platform: Platform,
) -> None:
    assert "Nothing is due" in (look(platform) or "")
    without_page(platform, 2)
    assert platform.run(partition_key=today()).success
    platform.rows("update sync_retry_queue set next_attempt_at = now() - interval '1 second' returning id")
    with named_lock(platform.database, NAMES.lock, wait=False):
        assert "is at work" in (look(platform) or "")
    assert look(platform) is None
