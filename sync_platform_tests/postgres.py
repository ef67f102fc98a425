"""Fixtures for a real Postgres: one embedded server a session, one fresh database a test.

Here belong only fixtures that start or copy databases. They come to every test through `conftest`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from psycopg import sql

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.migrations import migrate
from sync_platform.warehouse.server_place import ServerPlace

NEWEST = 18
TEMPLATE = "migrated_template"


@pytest.fixture(scope="session")
def postgres_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseAddress]:
    """The newest embedded server, running for the whole session, with a migrated template."""
    with embedded_server(tmp_path_factory.mktemp("postgres"), NEWEST) as address:
        yield address


@pytest.fixture
def database(postgres_address: DatabaseAddress) -> Iterator[DatabaseAddress]:
    """A migrated database of this test's own, dropped afterwards."""
    with fresh_database(postgres_address, template=TEMPLATE) as address:
        yield address


@contextmanager
def embedded_server(home: Path, major: int) -> Iterator[DatabaseAddress]:
    """Run an embedded server that holds a migrated template database."""
    try:
        with EmbeddedPostgres(home, major) as address:
            # These databases need not survive a power cut, and are made in half the time so.
            _execute(address, "alter system set fsync = off")
            _execute(address, "select pg_reload_conf()")
            _execute(address, "create database {}", TEMPLATE)
            migrate(address.with_database(TEMPLATE))
            yield address
    finally:
        # As root the server lives outside of pytest's private folder, and would stay there.
        if place := ServerPlace.find(home, major):
            shutil.rmtree(place.folder)


@contextmanager
def fresh_database(server: DatabaseAddress, *, template: str) -> Iterator[DatabaseAddress]:
    """Copy a database under a new name, and drop it afterwards, connections included."""
    name = f"test_{uuid4().hex}"
    _execute(server, "create database {} template {} strategy wal_log", name, template)
    try:
        yield server.with_database(name)
    finally:
        _execute(server, "drop database {} with (force)", name)


def run(address: DatabaseAddress, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Run one statement, commit, and return its rows, if it has any."""
    with connect(address) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _execute(server: DatabaseAddress, text: LiteralString, *names: str) -> None:
    with connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))
