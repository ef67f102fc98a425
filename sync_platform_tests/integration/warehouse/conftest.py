"""The warehouse's tests run on both Postgres versions of the embedded wheel."""

from collections.abc import Iterator

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.postgres import NEWEST, TEMPLATE, embedded_server, fresh_database

OLDEST = 16


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=lambda major: f"postgres{major}")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseAddress]:
    """Each embedded version in turn."""
    if request.param == NEWEST:
        yield request.getfixturevalue("postgres_address")
        return
    with embedded_server(tmp_path_factory.mktemp("postgres"), request.param) as address:
        yield address


@pytest.fixture
def database(server: DatabaseAddress) -> Iterator[DatabaseAddress]:
    """A migrated database of this test's own on each version, dropped afterwards."""
    with fresh_database(server, template=TEMPLATE) as address:
        yield address
