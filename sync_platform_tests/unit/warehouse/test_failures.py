import psycopg
import pytest
from psycopg import errors

from sync_platform.vocabulary import PermanentError, RetryableError, SyncPlatformError
from sync_platform.warehouse.failures import classified, is_data_error


@pytest.mark.parametrize(
    ("error", "family", "told"),
    [
        (
            psycopg.OperationalError("server closed the connection"),
            RetryableError,
            "connection to Postgres was lost",
        ),
        (
            psycopg.InterfaceError("the connection is closed"),
            RetryableError,
            "connection to Postgres was lost",
        ),
        (errors.ConnectionFailure("secret"), RetryableError, "lost"),
        (errors.AdminShutdown("secret"), RetryableError, "lost"),
        (errors.CannotConnectNow("secret"), RetryableError, "lost"),
        (errors.TooManyConnections("secret"), RetryableError, "short of resources"),
        (errors.DeadlockDetected("secret"), RetryableError, "waited for each other"),
        (errors.SerializationFailure("secret"), RetryableError, "may succeed now"),
        (errors.LockNotAvailable("secret"), RetryableError, "held its lock"),
        (errors.QueryCanceled("secret"), RetryableError, "cancelled"),
        (errors.DiskFull("secret"), PermanentError, "disk is full"),
        (errors.InsufficientPrivilege("secret"), PermanentError, "privilege"),
        (errors.ReadOnlySqlTransaction("secret"), PermanentError, "read-only"),
        (errors.UndefinedTable("secret"), PermanentError, r"UndefinedTable \(42P01\)"),
        (errors.CheckViolation("secret"), PermanentError, r"CheckViolation \(23514\)"),
        (psycopg.ProgrammingError("secret"), PermanentError, "used wrongly"),
    ],
)
def test_each_database_error_has_one_family_and_quotes_nothing(
    error: psycopg.Error, family: type[SyncPlatformError], told: str
) -> None:
    with pytest.raises(family, match=told) as raised:
        raise classified(error, "loading into users")
    assert "loading into users" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "is_rows_fault"),
    [
        (errors.UniqueViolation(), True),
        (errors.StringDataRightTruncation(), True),
        (errors.ProgramLimitExceeded(), True),
        (errors.UndefinedColumn(), False),
        (psycopg.OperationalError(), False),
    ],
)
def test_only_classes_22_and_23_and_long_keys_are_the_rows_fault(
    error: psycopg.Error, is_rows_fault: bool
) -> None:
    assert is_data_error(error) is is_rows_fault
