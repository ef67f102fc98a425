"""The lease: a sign of life while a run works, and a word to stop when the key is another's.

Here belongs only the beating heart; what a lost lease means for a step stands in `stopping`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sync_platform.vocabulary import SyncPlatformError
from sync_platform.workflow.ledger import lost, open_ledger
from sync_platform.workflow.reports import Hold, WorkflowContext
from sync_platform.workflow.stopping import Stop

_SIGNS_A_LEASE = 3


@contextmanager
def held(context: WorkflowContext, hold: Hold) -> Iterator[Stop]:
    """Renew the lease of a key during the block; the stop is set when the key is lost."""
    stop, is_over = Stop(), threading.Event()
    heart = threading.Thread(
        target=_beat, args=(context, hold, stop, is_over), name="workflow-lease", daemon=True
    )
    heart.start()
    try:
        yield stop
    finally:
        is_over.set()
        heart.join()


def _beat(context: WorkflowContext, hold: Hold, stop: Stop, is_over: threading.Event) -> None:
    """Renew until it is over; a database that is away is asked again as long as the lease lasts."""
    lease_s = context.spec.lease_s
    renewed_s = time.monotonic()
    while not is_over.wait(lease_s / _SIGNS_A_LEASE):
        asked_s = time.monotonic()
        try:
            with open_ledger(context) as ledger:
                if not ledger.renew(hold, lease_s):
                    stop.set(str(lost(context.name, hold.key)))
                    return
                renewed_s = asked_s
        except SyncPlatformError:
            if time.monotonic() - renewed_s > lease_s:
                stop.set(
                    f"The database was away for longer than the lease of {hold.key} (lease_s), so that this "
                    "run stops. The next attempt goes on."
                )
                return
