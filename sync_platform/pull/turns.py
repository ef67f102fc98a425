"""How a run begins and ends besides its steps: it takes its turn and closes the dead, and logs its failure.

Here belongs what is written about a run, whatever it came for: a sync, a retry, a replay. That only one run
has the source's lock is its caller's business.
"""

import time

from sync_platform.pull.ahead import forget_work
from sync_platform.pull.land import Landing
from sync_platform.pull.ledger import ledger_of
from sync_platform.pull.reports import PullContext

_ABANDONED = (
    "the run ended before the sync was closed: killed, or only some of its assets were run; "
    "run the others, or let the next sync read again"
)


def take_turn(context: PullContext) -> tuple[str, ...]:
    """Take the source over: from now on no other run can write, and what the dead left open is closed.

    Call it with the sync's lock held: whoever says running then is dead, or has lost its lock and will find
    out. What the dead left unfinished in the landing zone goes.

    Returns:
        The Dagster runs whose syncs said running; a rerun finds none.
    """
    with ledger_of(context) as ledger:
        ledger.take_turn()
        dead = ledger.running_syncs(run_id=context.run_id)
        for row in dead:
            ledger.fail_syncs(run_id=row["run_id"], reason=_ABANDONED, at=context.now())
    Landing(context.landing_url, context.spec.source).sweep()
    return tuple(dict.fromkeys(row["run_id"] for row in dead))


def fail(context: PullContext, reason: str) -> bool:
    """Close the sync that this run began as failed, with the reason.

    A run that began none gets a row of its own, so that the log tells of every failure.

    Returns:
        False when the run had been closed before; a rerun changes nothing.
    """
    forget_work(context.spec.source)
    with ledger_of(context) as ledger:
        now = context.now()
        if ledger.fail_syncs(run_id=context.run_id, reason=reason, at=now):
            return True
        if ledger.run_is_logged(context.run_id):
            return False
        ledger.log_failed_start(
            sync_id=time.time_ns(), run_id=context.run_id, sync_type="incremental", reason=reason, at=now
        )
        return True


def had_failed_before(context: PullContext) -> bool:
    """Whether the sync before this run's one failed, so that a success is a recovery worth telling."""
    with ledger_of(context) as ledger:
        sync_id = ledger.sync_of_run(context.run_id)
        return sync_id is not None and ledger.status_before(sync_id) == "failed"
