"""A source without a change time: its assets are unpartitioned, and all else is as with any other."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.api_sync.launch import request_for
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import default_resources
from sync_platform.vocabulary import UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import page_of
from sync_platform_tests.postgres import run
from sync_platform_tests.pulling import spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer

NOW = datetime(2024, 5, 1, tzinfo=UTC)
RECORD = {"id": 1, "name": "Ann", "version": 7}
KINDS: dict[str, dict[str, Any]] = {
    "no incremental": {},
    "an integer": {
        "request": {"path": "/things", "params": {"since": "{since}"}},
        "incremental": {"field": "version", "format": "integer"},
    },
    "a token": {
        "request": {"path": "/things", "params": {"since": "{since}"}},
        "incremental": {"token": "delta"},
    },
    "creations only": {
        "request": {"path": "/things", "params": {"since": "{since}"}},
        "incremental": {"field": "version", "format": "epoch_s", "tracks": "new"},
    },
}


@pytest.fixture
def source(
    database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedServer]:
    def answer(_: RecordedRequest) -> ScriptedReply:
        return page_of(RECORD, delta="canary-delta-token")

    with ScriptedServer() as server:
        server.script("/things", answer)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", database.uri())
        monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("API_URL", server.url)
        yield server


def _definitions(spec: ApiSyncSpec) -> dg.Definitions:
    context = dg.ComponentTree.for_test().load_context
    bound = dg.Definitions(resources=default_resources(), executor=dg.in_process_executor)
    return dg.Definitions.merge(ApiSync(spec).build_defs(context), bound)


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_without_a_time_of_change_runs_unpartitioned(
    source: ScriptedServer, database: DatabaseAddress, tmp_path: Path, kind: str
) -> None:
    spec = spec_of(**KINDS[kind], schedule="0 * * * *")
    definitions = _definitions(spec)
    assert definitions.resolve_assets_def("things").partitions_def is None
    request = request_for(spec, "incremental", None, None, no_wait=False, now=NOW)
    assert (request.partition_key, dict(request.tags)) == (None, {})
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        job = definitions.resolve_job_def("things_sync_job")
        results = [
            job.execute_in_process(instance=instance, run_config=dict(request.run_config)) for _ in range(2)
        ]
        with dg.build_schedule_context(instance=instance) as tick:
            asked = definitions.resolve_schedule_def("things_sync_schedule").evaluate_tick(tick)
    assert [result.success for result in results] == [True, True]
    assert [one.partition_key for one in asked.run_requests or []] == [None]
    assert all(check.passed for result in results for check in result.get_asset_check_evaluations())
    assert run(database, "select id, name from things") == [("1", "Ann")]
    logs = run(database, "select status, proof, inserted, unchanged from sync_logs order by sync_id")
    assert logs == [("completed", "end_signal", 1, 0), ("completed", "end_signal", 0, 1)]
    [closed] = results[1].asset_materializations_for_node("things_sync_metadata")
    shown = {"no incremental": "-", "an integer": "7", "a token": "a token of 18 characters"}
    assert closed.metadata["watermark"].value == shown.get(kind, "1970-01-01T00:00:07.000000Z")
    assert len(source.requests) == 2


def test_a_window_of_such_a_source_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no time of change"):
        request_for(spec_of(**KINDS["an integer"]), "window", NOW, None, no_wait=False, now=NOW)
