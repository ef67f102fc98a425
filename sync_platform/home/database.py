"""Which database this process works on, and having it ready: `DATABASE_URL`, or the embedded Postgres.

Here belongs the choice and nothing else. After it, no code path differs but by the address.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sync_platform.settings import Settings
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.migrations import HISTORY_TABLE, migrate, require_current_schema


@contextmanager
def open_database(settings: Settings) -> Iterator[DatabaseAddress]:
    """Lend the address of a database that answers; an embedded server that had to be started ends again.

    The schema is not looked at.

    Raises:
        SettingsError, DatabaseUnreachableError: not retryable; the message says what to do.
        PermanentError: the embedded server did not start; the message names its log.
    """
    with _located(settings) as address:
        connect(address).close()
        yield address


@contextmanager
def open_current_database(settings: Settings) -> Iterator[DatabaseAddress]:
    """Lend the address of a database whose schema is this code's; a new embedded one is migrated first.

    Raises:
        SchemaError: the schema is older or newer than this code; the message names `migrate`.
        SettingsError, DatabaseUnreachableError, PermanentError: see `open_database`.
    """
    with _located(settings) as address:
        if settings.database_url is None and _is_new(address):
            migrate(address)
        require_current_schema(address)
        yield address


@contextmanager
def _located(settings: Settings) -> Iterator[DatabaseAddress]:
    """Lend the address alone; the embedded server answers by then."""
    if settings.database_url is None:
        with EmbeddedPostgres(settings.home) as address:
            yield address
        return
    yield DatabaseAddress.parse(settings.database_url.get_secret_value())


def _is_new(address: DatabaseAddress) -> bool:
    with connect(address, autocommit=True) as connection:
        return connection.execute("select to_regclass(%s)", [HISTORY_TABLE]).fetchone() == (None,)
