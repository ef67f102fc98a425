"""What the books tell of a push after it ended, for whoever has to be told. Reads only."""

from collections.abc import Mapping, Sequence
from typing import Any

from sync_platform.push.ledger import PushLedger
from sync_platform.push.reports import PushContext


def undelivered(context: PushContext, *, most: int) -> Sequence[Mapping[str, Any]]:
    """Name those who got nothing, with the reason: dead or in doubt, the latest first.

    Grain: a customer: `customer_id, status, attempts, last_status_code, last_error, since_at`.

    Raises:
        RetryableError: the database was lost.
    """
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        return ledger.open_deliveries(most=most)


def why_incomplete(context: PushContext) -> str | None:
    """Say why this run's push ended before everything was sent; None where it did not.

    Raises:
        RetryableError: the database was lost.
    """
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        row = ledger.push_row(run_id=context.run_id)
    if row is None or row["status"] != "incomplete":
        return None
    errors = row["errors"]
    return str(errors[-1]["error"]) if errors else "no reason was written down"
