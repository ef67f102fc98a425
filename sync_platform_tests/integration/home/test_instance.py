"""The Dagster instance on a real Postgres: its folder, its schema, and what the purge forgets."""

import os
from pathlib import Path

import dagster as dg
import pytest

from sync_platform.home.instance import STORAGE_URL_VARIABLE, prepare_instance, purge_event_log
from sync_platform.settings import Settings, load_settings
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DAGSTER_HOME", STORAGE_URL_VARIABLE):
        # Set first, so that what `prepare_instance` sets is undone after the test.
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / 'it\'s "home"'))
    return load_settings()


@dg.asset
def anything() -> None: ...


def run_once() -> None:
    with dg.DagsterInstance.get() as instance:
        assert dg.materialize([anything], instance=instance).success


def test_runs_are_kept_in_the_schema_dagster(settings: Settings, database: DatabaseAddress) -> None:
    prepare_instance(settings, database)
    prepare_instance(settings, database)
    run_once()

    with connect(database) as connection:
        assert connection.execute("select count(*) from dagster.runs").fetchone() == (1,)
        assert connection.execute("select to_regclass('public.runs')").fetchone() == (None,)
    assert list((settings.dagster_home / "compute_logs").iterdir()) != []


def test_no_file_holds_the_password(settings: Settings, database: DatabaseAddress) -> None:
    prepare_instance(settings, database)

    written = (settings.dagster_home / "dagster.yaml").read_text()

    assert dict(database.keywords)["password"] in os.environ[STORAGE_URL_VARIABLE]
    assert dict(database.keywords)["password"] not in written
    assert f"env: {STORAGE_URL_VARIABLE}" in written


def test_a_file_of_ones_own_is_left_alone(settings: Settings, database: DatabaseAddress) -> None:
    settings.dagster_home.mkdir(parents=True)
    own = settings.dagster_home / "dagster.yaml"
    own.write_text("telemetry: {enabled: false}\n")

    prepare_instance(settings, database)

    assert own.read_text() == "telemetry: {enabled: false}\n"


def test_the_purge_forgets_old_events_but_not_outcomes(settings: Settings, database: DatabaseAddress) -> None:
    prepare_instance(settings, database)
    assert purge_event_log(database) == 0
    run_once()
    run_once()
    with connect(database, autocommit=True) as connection:
        first_run = "run_id = (select run_id from dagster.runs order by id limit 1)"
        connection.execute(
            f"update dagster.event_logs set timestamp = timestamp - interval '31 days' where {first_run}"  # noqa: S608 - a constant
        )
        (before,) = connection.execute("select count(*) from dagster.event_logs").fetchone() or (0,)

        purged = purge_event_log(database)

        left = connection.execute(
            f"select dagster_event_type from dagster.event_logs where {first_run} order by id"  # noqa: S608 - a constant
        ).fetchall()
        (after,) = connection.execute("select count(*) from dagster.event_logs").fetchone() or (0,)
    assert left == [("PIPELINE_START",), ("ASSET_MATERIALIZATION",), ("PIPELINE_SUCCESS",)]
    assert purged == before - after > 0
    assert purge_event_log(database) == 0
