import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from psycopg import sql

from sync_platform.resources import WarehouseResource
from sync_platform.resources.warehouse import is_lock_held, running_database
from sync_platform.vocabulary import RetryableError, SchemaError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.server_place import ServerPlace

LOCK = "sync:users"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield monkeypatch
    # As root an embedded server lives outside of pytest's private folder, and would stay there.
    if place := ServerPlace.find(tmp_path / "home", 18):
        shutil.rmtree(place.folder)


@pytest.fixture
def warehouse(database: DatabaseAddress, environment: pytest.MonkeyPatch) -> Iterator[WarehouseResource]:
    environment.setenv("DATABASE_URL", database.uri())
    with dg.build_resources({"warehouse": WarehouseResource()}) as resources:
        yield resources.warehouse


def hold(warehouse: WarehouseResource) -> bool:
    return warehouse.hold_lock(LOCK, wait=False, on_wait=lambda: None)


def test_a_lock_is_taken_once_and_kept_until_the_run_ends(
    database: DatabaseAddress, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DATABASE_URL", database.uri())
    with dg.build_resources({"warehouse": WarehouseResource()}) as resources:
        assert [hold(resources.warehouse), hold(resources.warehouse)] == [True, False]
        assert is_lock_held(LOCK)
    assert not is_lock_held(LOCK)


def test_a_run_keeps_one_connection_until_it_ends(
    database: DatabaseAddress, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DATABASE_URL", database.uri())
    with dg.build_resources({"warehouse": WarehouseResource()}) as resources:
        kept = resources.warehouse.connection()
        assert kept is resources.warehouse.connection()
        session = kept.living()
    assert session.closed


def test_a_run_that_lost_its_lock_stops_at_its_next_step(
    warehouse: WarehouseResource, database: DatabaseAddress
) -> None:
    assert hold(warehouse)
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity join pg_locks using (pid) "
            "where locktype = 'advisory' and granted and datname = current_database()"
        )
    with pytest.raises(RetryableError, match="was lost"):
        hold(warehouse)


def test_an_older_schema_is_refused_with_the_command_that_helps(
    warehouse: WarehouseResource, database: DatabaseAddress
) -> None:
    with connect(database, autocommit=True) as connection:
        table = sql.Identifier("sync_platform_migrations")
        connection.execute(sql.SQL("delete from {} where name like '0001%%'").format(table))
    with pytest.raises(SchemaError, match="sync-platform migrate"):
        warehouse.address()


def test_without_a_database_the_run_starts_one_migrates_it_and_stops_it_again(
    environment: pytest.MonkeyPatch,
) -> None:
    del environment
    assert running_database() is None
    assert not is_lock_held(LOCK)
    with dg.build_resources({"warehouse": WarehouseResource()}) as resources:
        with connect(resources.warehouse.address()) as connection:
            assert connection.execute("select count(*) from users").fetchone() == (0,)
        assert running_database() == resources.warehouse.address()
    assert running_database() is None


def test_a_database_that_somebody_else_uses_goes_on_after_the_run(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del environment
    with EmbeddedPostgres(tmp_path / "home") as address:
        with dg.build_resources({"warehouse": WarehouseResource()}) as resources:
            assert resources.warehouse.address() == address
        assert running_database() == address
