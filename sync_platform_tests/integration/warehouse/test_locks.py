import threading

import pytest

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.locks import LockHeldError, lock_key, named_lock


def end_all_other_sessions(address: DatabaseAddress) -> None:
    with connect(address) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


def test_a_held_lock_is_refused_to_who_does_not_wait(database: DatabaseAddress) -> None:
    with named_lock(database, "users", wait=False) as lock:
        assert lock.is_held()
        with pytest.raises(LockHeldError, match="Another run holds the lock users") as refused:
            named_lock(database, "users", wait=False).__enter__()
        assert isinstance(refused.value, PermanentError)
        with named_lock(database, "orders", wait=False) as other:
            assert other.is_held()
    with named_lock(database, "users", wait=False) as lock:
        assert lock.is_held()


def test_who_waits_says_so_once_and_gets_the_lock_when_it_is_free(database: DatabaseAddress) -> None:
    is_waiting, has_it = threading.Event(), threading.Event()

    def wait_for_it() -> None:
        with named_lock(database, "users", wait=True, on_wait=is_waiting.set) as lock:
            if lock.is_held():
                has_it.set()

    waiter = threading.Thread(target=wait_for_it)
    with named_lock(database, "users", wait=True, on_wait=pytest.fail):
        waiter.start()
        assert is_waiting.wait(10)
        assert not has_it.is_set()
    assert has_it.wait(10)
    waiter.join()


def test_a_lock_dies_with_its_connection_and_its_holder_can_tell(database: DatabaseAddress) -> None:
    with named_lock(database, "users", wait=False) as lost:
        end_all_other_sessions(database)
        with named_lock(database, "users", wait=False) as taken:
            assert taken.is_held()
            assert not lost.is_held()
            assert not lost.is_held()


def test_a_names_key_is_the_same_everywhere() -> None:
    assert lock_key("users") == -7769448428645478655
    assert lock_key("users") != lock_key("orders")
