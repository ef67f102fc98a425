"""Connections for statements: one, or a pool of them, alike in every session setting.

Here belongs how psycopg connects and how a failure to connect is told. Bulk loads have their own
driver in `upsert`.
"""

import re

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from sync_platform.vocabulary import DatabaseUnreachableError
from sync_platform.warehouse.address import DatabaseAddress

CONNECT_TIMEOUT_S = 10
# A peer that vanished without a word is noticed after about a minute, on both ways of the wire.
SESSION_KEYWORDS = {
    "application_name": "sync_platform",
    "connect_timeout": str(CONNECT_TIMEOUT_S),
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# libpq gives no SQLSTATE for a failed connection, only text; the first pattern that matches tells.
CAUSES = (
    (r"password authentication failed|no password supplied", "the user or password in it is wrong"),
    (r'database ".*" does not exist', "the database does not exist: create it, or correct its name"),
    (r'role ".*" does not exist', "the user in it does not exist"),
    (r"no pg_hba\.conf entry", "the server's pg_hba.conf does not let this user or host in"),
    (r"does not support SSL", "the server has no TLS: enable it, or add sslmode=disable to the address"),
    (r"certificate|SSL error", "the server's certificate was not accepted: check sslrootcert and the host"),
    (r"resolve host|translate host name", "the host name is unknown: correct it, or check the DNS"),
    (r"Connection refused|No such file", "nothing listens there: start Postgres, or correct host and port"),
    (r"timeout|timed out", "no answer in time: check host, port and firewall"),
    (
        r"too many (clients|connections)|connection slots",
        "all its connections are taken: free some, or try later",
    ),
    (r"invalid .* value", "a parameter of it has a value that libpq does not know"),
    (r"starting up|shutting down", "the server is starting up or shutting down: try again in a moment"),
)
UNKNOWN_CAUSE = "the server ended the connection: look into its log"


def connect(address: DatabaseAddress, *, autocommit: bool = False) -> psycopg.Connection[TupleRow]:
    """Open one connection, in UTC and named `sync_platform`.

    Raises:
        DatabaseUnreachableError: with host, port, database and the next step, on one line.
    """
    try:
        connection = psycopg.connect(_conninfo(address), autocommit=autocommit)
        _set_session(connection)
    except psycopg.OperationalError as error:
        # The driver's text names the user and may span lines; the cause says all that is needed.
        raise unreachable(address, str(error)) from None
    return connection


class KeptConnection:
    """One connection that is made when it is needed, and anew where the server has dropped it meanwhile.

    Args:
        address: the database.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._connection: psycopg.Connection[TupleRow] | None = None

    def living(self) -> psycopg.Connection[TupleRow]:
        """Return the connection, in autocommit, after the server has answered.

        Ask before each statement, because after it nobody knows whether it was carried out.

        Raises:
            DatabaseUnreachableError: no connection could be made.
        """
        try:
            if self._connection is not None:
                self._connection.execute("select 1")
                return self._connection
        except psycopg.OperationalError:
            self.close()
        self._connection = connect(self._address, autocommit=True)
        return self._connection

    def close(self) -> None:
        """End the session; asked again, another one begins."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def open_pool(address: DatabaseAddress, max_open_conns: int) -> ConnectionPool[psycopg.Connection[TupleRow]]:
    """Open a pool of at most `max_open_conns` connections. The caller closes it, or uses `with`.

    Raises:
        DatabaseUnreachableError: no connection could be made now. Later losses are the pool's to mend.
    """
    connect(address).close()
    return ConnectionPool(
        _conninfo(address),
        min_size=1,
        max_size=max_open_conns,
        open=True,
        configure=_set_session,
        check=ConnectionPool.check_connection,
        name="sync_platform",
    )


def unreachable(address: DatabaseAddress, driver_said: str) -> DatabaseUnreachableError:
    """Return the one readable line for a connection that a driver could not make."""
    causes = (cause for pattern, cause in CAUSES if re.search(pattern, driver_said, re.IGNORECASE))
    return DatabaseUnreachableError(
        f"DATABASE_URL: cannot connect to database {address.database} at host {address.host}, "
        f"port {address.port}: {next(causes, UNKNOWN_CAUSE)}."
    )


def _conninfo(address: DatabaseAddress) -> str:
    return address.with_defaults(**SESSION_KEYWORDS).conninfo()


def _set_session(connection: psycopg.Connection[TupleRow]) -> None:
    connection.execute("set time zone 'UTC'")
    connection.commit()
