import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from sync_platform.vocabulary import DatabaseUnreachableError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import KeptConnection, connect, open_pool


def changed(address: DatabaseAddress, **keywords: str) -> DatabaseAddress:
    return DatabaseAddress(tuple((dict(address.keywords) | keywords).items()))


def test_a_session_is_named_and_in_utc(database: DatabaseAddress) -> None:
    query = "select current_setting('application_name'), current_setting('timezone')"
    with connect(database) as connection:
        connection.rollback()
        assert connection.execute(query).fetchone() == ("sync_platform", "UTC")
    with open_pool(database, 2) as pool, pool.connection() as connection:
        assert connection.execute(query).fetchone() == ("sync_platform", "UTC")


def test_a_kept_connection_stays_the_same_until_the_server_drops_it(database: DatabaseAddress) -> None:
    def backend() -> object:
        return kept.living().execute("select pg_backend_pid()").fetchone()

    with closing(KeptConnection(database)) as kept, connect(database, autocommit=True) as other:
        first = backend()
        assert first == backend()
        assert isinstance(first, tuple)
        other.execute("select pg_terminate_backend(%s, 5000)", first)
        assert backend() not in {None, first}
        session = kept.living()
        kept.close()
        assert session.closed
        assert backend() is not None


def test_a_pool_never_opens_more_connections_than_allowed(database: DatabaseAddress) -> None:
    def backend(_: int) -> object:
        with pool.connection() as connection:
            return connection.execute("select pg_backend_pid(), pg_sleep(0.01)").fetchone()

    with open_pool(database, 3) as pool, ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(backend, range(24)))) <= 3


def test_each_way_to_fail_is_told_apart_on_one_line_without_the_password(database: DatabaseAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_port = str(silent.getsockname()[1])
        unused = {"host": "127.0.0.1", "sslmode": "disable"}
        failures = {
            "user or password in it is wrong": changed(database, password="topsecret"),
            "database does not exist": database.with_database("nowhere"),
            "nothing listens there": changed(database, **unused, port="1"),
            "host name is unknown": changed(database, host="nowhere.invalid"),
            "no answer in time": changed(database, **unused, port=silent_port, connect_timeout="2"),
            "has a value that libpq does not know": changed(database, sslmode="topsecret"),
        }
        for cause, address in failures.items():
            with pytest.raises(DatabaseUnreachableError, match=cause) as refused:
                connect(address)
            message = str(refused.value)
            assert "topsecret" not in message
            assert "\n" not in message
            assert f"database {address.database} at host {address.host}, port {address.port}" in message


def test_a_pool_on_an_unreachable_database_is_refused_at_once(database: DatabaseAddress) -> None:
    with pytest.raises(DatabaseUnreachableError, match="database does not exist"):
        open_pool(database.with_database("nowhere"), 10)
