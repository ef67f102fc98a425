"""The warehouse as a resource: finds the database on first use and keeps a run's connection and locks.

Here belongs what lives as long as a run. Which database it is, is decided by `home.database`: an
embedded server is shared with a running `up`, or started, and ends with its last user. The drivers are
imported when a run needs them: loading the definitions can do without, and would take a third longer.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Self

import dagster as dg
from pydantic import PrivateAttr

from sync_platform.settings import load_settings
from sync_platform.vocabulary import RetryableError, SyncPlatformError

if TYPE_CHECKING:
    from sync_platform.warehouse.address import DatabaseAddress
    from sync_platform.warehouse.connect import KeptConnection
    from sync_platform.warehouse.locks import NamedLock


class WarehouseResource(dg.ConfigurableResource["WarehouseResource"]):
    """The database of tables and ledgers, with the connection and the locks that this run keeps in it."""

    _until_run_ends: ExitStack = PrivateAttr(default_factory=ExitStack)
    _address: "DatabaseAddress | None" = PrivateAttr(default=None)
    _connection: "KeptConnection | None" = PrivateAttr(default=None)
    _locks: "dict[str, NamedLock]" = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Lend this resource to one run; Dagster makes a copy of it for each."""
        del context  # the run's own facts reach the methods through the steps
        with ExitStack() as stack:
            self._until_run_ends = stack
            yield self

    def address(self) -> "DatabaseAddress":
        """Find the database and check its schema; the same answer for the rest of the run.

        A new embedded database is migrated. An embedded server that had to be started ends with the run.

        Raises:
            SettingsError, DatabaseUnreachableError, SchemaError: not retryable; the message says what to do.
        """
        from sync_platform.home.database import open_current_database  # noqa: PLC0415 -- drivers, see above

        if self._address is None:
            self._address = self._until_run_ends.enter_context(open_current_database(load_settings()))
        return self._address

    def connection(self) -> "KeptConnection":
        """Lend the connection that this run keeps for what it reads and writes down; made when it is needed.

        Raises:
            SettingsError, DatabaseUnreachableError, SchemaError: as `address`.
        """
        from sync_platform.warehouse.connect import KeptConnection  # noqa: PLC0415 -- drivers, see above

        if self._connection is None:
            self._connection = self._until_run_ends.enter_context(closing(KeptConnection(self.address())))
        return self._connection

    def hold_lock(self, name: str, *, wait: bool, on_wait: Callable[[], None]) -> bool:
        """Take a lock until the run ends and return True; False when this run holds it already.

        A lock dies with its connection, and another run may hold it from then on.

        Args:
            name: of the lock, such as `sync:users`.
            wait: whether to wait for another holder.
            on_wait: called once when another one holds it.

        Raises:
            LockHeldError: another one holds it and `wait` is False.
            RetryableError: this run held it and lost it with its connection.
        """
        from sync_platform.warehouse.locks import named_lock  # noqa: PLC0415 -- drivers, see above

        if name not in self._locks:
            taken = named_lock(self.address(), name, wait=wait, on_wait=on_wait)
            self._locks[name] = self._until_run_ends.enter_context(taken)
            return True
        if not self._locks[name].is_held():
            raise RetryableError(
                f"The connection that held the lock {name} was lost; another run may work by now. Run again."
            )
        return False


def running_database() -> "DatabaseAddress | None":
    """Find the database without starting one; None where the embedded server does not run.

    Raises:
        SettingsError: DATABASE_URL is malformed.
    """
    from sync_platform.warehouse.address import DatabaseAddress  # noqa: PLC0415 -- drivers, see above
    from sync_platform.warehouse.embedded import EmbeddedPostgres  # noqa: PLC0415 -- likewise

    settings = load_settings()
    if settings.database_url is None:
        return EmbeddedPostgres(settings.home).running_address()
    return DatabaseAddress.parse(settings.database_url.get_secret_value())


def is_lock_held(name: str) -> bool:
    """Tell whether anybody holds a lock now; a database that cannot be reached holds none."""
    from sync_platform.warehouse.locks import LockHeldError, named_lock  # noqa: PLC0415 -- drivers, see above

    try:
        address = running_database()
        if address is None:
            return False
        with named_lock(address, name, wait=False):
            return False
    except LockHeldError:
        return True
    except SyncPlatformError:
        return False
