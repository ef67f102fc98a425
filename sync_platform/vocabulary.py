"""The words that every room shares: the error families and the rejected record.

Here belong only types without behaviour that the ground floor and the engines exchange.
What one room alone needs stays in that room.
"""

from dataclasses import dataclass


class SyncPlatformError(Exception):
    """The base of every error that a person reads.

    The message says what happened, to what, and what to do next. It never quotes a secret or a
    customer's value, because messages end up in logs, events and ledgers.
    """


class RetryableError(SyncPlatformError):
    """The same request may succeed later: a time-out, a lost connection, 408, 429, 5xx.

    Attributes:
        retry_after_s: seconds the other side asked us to wait, or None when it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(SyncPlatformError):
    """The same request will fail again until somebody changes something."""


class UsageError(PermanentError):
    """Wrong usage or settings, found before any work began. The CLI exits with 2."""


class SettingsError(UsageError):
    """An environment variable is missing or wrong; the message names it."""


class SchemaError(UsageError):
    """The database's schema is older or newer than this code; the message names `migrate`."""


class DatabaseUnreachableError(UsageError):
    """No connection could be made at the start; the message names host, port and database only."""


class MisfitError(ValueError):
    """A word of the YAML that is right by itself but not beside the others.

    Attributes:
        place: the path of the word below the place that is being checked, so that the refusal can name its
            line.
    """

    def __init__(self, place: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """One source record that broke the contract and goes to the quarantine ledger.

    Attributes:
        page: number of the page that held it, starting at 1.
        external_id: its key where one could be read, else None.
        reason: which rule it broke, without quoting any value.
        record: the record's bytes as received.
    """

    page: int
    external_id: str | None
    reason: str
    record: bytes
