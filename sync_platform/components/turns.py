"""How a step begins and ends, whatever the flow: its turn, and errors that a person can read.

Here belongs what every step shares. A run takes its flow's lock with its first step and keeps it until it
ends, so that no two of a kind work at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from sync_platform.components.abandoned import close_in_dagster, note_own_process
from sync_platform.components.launch import NO_WAIT_TAG
from sync_platform.resources import WarehouseResource
from sync_platform.vocabulary import SettingsError, SyncPlatformError

SETTINGS_KEY = "is_settings_error"
"""Stands in a failure's metadata where the environment is wrong; the CLI exits with 2 then."""
StepContext = dg.AssetExecutionContext | dg.OpExecutionContext
Clock = Callable[[], datetime]


def now() -> datetime:
    """The clock of all runs, in UTC."""
    return datetime.now(UTC)


def take_turn(
    context: StepContext,
    warehouse: WarehouseResource,
    *,
    lock: str,
    what: str,
    close_abandoned: Callable[[], Iterable[str]],
) -> None:
    """Hold a lock until the run ends; its first taker closes what killed runs left open.

    Args:
        context: the step's.
        warehouse: keeps the lock.
        lock: its name.
        what: works under it, such as `sync of users`.
        close_abandoned: closes the books of the dead and returns their runs; called with the lock held.

    Raises:
        LockHeldError: another run holds it and this one must not wait.
        RetryableError: this run held the lock and lost it.
    """
    is_taken_now = warehouse.hold_lock(
        lock,
        wait=NO_WAIT_TAG not in context.run.tags,
        on_wait=lambda: context.log.info("Another %s is running; waiting for its end.", what),
    )
    if not is_taken_now:
        return
    note_own_process(context.instance, context.run.run_id)
    for run_id in close_abandoned():
        close_in_dagster(context.instance, run_id)
        context.log.warning("Run %s was killed during its %s; it is closed as failed.", run_id, what)


@contextmanager
def readable_failures() -> Iterator[None]:
    """End the step with one readable line where an expected error ends it."""
    try:
        yield
    except SyncPlatformError as error:
        # Without the chain: its traceback says nothing that the message does not, and may quote values.
        metadata = {SETTINGS_KEY: True} if isinstance(error, SettingsError) else {}
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=False) from None


@contextmanager
def closed_when_interrupted(close: Callable[[str], object]) -> Iterator[None]:
    """Close the books of a cancelled run at once: Dagster runs no hooks after an interrupt."""
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        close("the run was cancelled")
        raise
