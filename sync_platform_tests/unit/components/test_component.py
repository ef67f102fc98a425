from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from sync_platform.components import ApiSync
from sync_platform.components.api_sync.scaffold import ApiSyncScaffolder
from sync_platform.components.schedules import longest_gap
from sync_platform.resources import default_resources
from sync_platform_tests.unit.components.sources import unpartitioned_spec, users_spec


def definitions_of(component: ApiSync) -> dg.Definitions:
    alone = component.build_defs(dg.ComponentTree.for_test().load_context)
    return dg.Definitions.merge(alone, dg.Definitions(resources=default_resources()))


@pytest.fixture
def users() -> dg.Definitions:
    return definitions_of(ApiSync(users_spec()))


def asset(definitions: dg.Definitions, name: str) -> dg.AssetsDefinition:
    return definitions.resolve_assets_def(name)


def test_a_source_gives_the_names_of_the_contract(users: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in users.resolve_all_asset_keys()}
    assert keys == {"external_users_pages", "normalized_users", "users", "users_sync_metadata"}
    assert {job.name for job in users.jobs or ()} == {
        "users_sync_job",
        "users_retry_job",
        "users_replay_job",
    }
    assert {schedule.name for schedule in users.schedules or ()} == {"users_sync_schedule"}
    assert {sensor.name for sensor in users.sensors or ()} == {"users_retry_sensor"}
    [check] = asset(users, "users").check_specs
    assert (check.name, check.blocking) == ("users_account_balances", True)


def test_another_source_gets_the_same_names_with_its_own_noun() -> None:
    definitions = definitions_of(ApiSync(users_spec(source="orders")))
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert keys == {"external_orders_pages", "normalized_orders", "orders", "orders_sync_metadata"}


def test_the_assets_are_one_lineage(users: dg.Definitions) -> None:
    names = ["external_users_pages", "normalized_users", "users", "users_sync_metadata"]
    for upstream, downstream in pairwise(names):
        [spec] = asset(users, downstream).specs
        assert [dep.asset_key.to_user_string() for dep in spec.deps] == [upstream]


def test_every_asset_tells_a_newcomer_what_it_is(users: dg.Definitions) -> None:
    for key in users.resolve_all_asset_keys():
        [spec] = asset(users, key.to_user_string()).specs
        assert spec.description
        assert spec.group_name == "users_sync"
        assert spec.kinds
        assert spec.tags["source"] == "users"


def test_partitions_are_days_from_the_start_to_today(users: dg.Definitions) -> None:
    partitions = asset(users, "users").partitions_def
    assert partitions is not None
    now = datetime(2024, 1, 3, 23, 59, tzinfo=UTC)
    assert partitions.get_partition_keys(now) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert asset(users, "users").backfill_policy == dg.BackfillPolicy.single_run()


def test_a_source_without_a_change_time_is_unpartitioned() -> None:
    definitions = definitions_of(ApiSync(unpartitioned_spec()))
    assert asset(definitions, "tags").partitions_def is None


def test_the_schedule_ships_running_in_the_platforms_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PLATFORM_TIMEZONE", "Europe/Berlin")
    [schedule] = definitions_of(ApiSync(users_spec())).schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.cron_schedule == "0 * * * *"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_stopped_schedule_ships_stopped_and_so_does_the_sensor() -> None:
    definitions = definitions_of(ApiSync(users_spec(schedule={"cron": "0 3 * * *", "status": "stopped"})))
    [schedule], [sensor] = definitions.schedules or (), definitions.sensors or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert isinstance(sensor, dg.SensorDefinition)
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


@pytest.mark.parametrize(
    ("cron", "gap"),
    [
        ("0 * * * *", timedelta(hours=1)),
        ("0 9 * * 1-5", timedelta(days=3)),
        ("0 0 1 * *", timedelta(days=31)),
    ],
)
def test_freshness_follows_the_longest_gap_of_the_schedule(cron: str, gap: timedelta) -> None:
    assert longest_gap(cron, "UTC") == gap
    [spec] = asset(definitions_of(ApiSync(users_spec(schedule=cron))), "users").specs
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=gap * 2.5, warn_window=gap * 1.5
    )


def test_no_variable_is_looked_up_and_no_template_is_filled_when_definitions_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EXTERNAL_API_URL", raising=False)
    [spec] = asset(definitions_of(ApiSync(users_spec())), "external_users_pages").specs
    assert spec.metadata["api"] == "GET ${EXTERNAL_API_URL}/users"


def test_the_scaffolded_file_loads_as_it_stands() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=ApiSync, defs_path=Path("orders_sync"))
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, definitions):
            assert isinstance(component, ApiSync)
            assert (component.instance_name, component.spec.source) == ("orders_sync", "orders")
            assert "orders_sync_job" in {job.name for job in definitions.jobs or ()}
        text = (folder / "defs.yaml").read_text(encoding="utf-8")
        assert text.count("#") > 8
        assert "{page_size}" in text
        assert "${EXTERNAL_API_TOKEN}" in text


@pytest.mark.parametrize(
    ("folder", "noun"),
    [("orders", "orders"), ("orders_sync", "orders"), ("CRM-Contacts", "crm_contacts"), ("2024", "records")],
)
def test_a_folder_names_its_source(folder: str, noun: str) -> None:
    assert ApiSyncScaffolder.name_of(folder) == noun
