"""A push from begin to end: take over, recover, plan, send, close.

Everything is found in the ledger, never in the memory of a run before, so that a push goes on wherever
another one was killed. The caller holds the lock of the target.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from sync_platform.api.loop import run_interruptibly
from sync_platform.push.account import Account, status_of
from sync_platform.push.clerk import Clerk
from sync_platform.push.intents import LEASE_S, Intents
from sync_platform.push.ledger import PushLedger
from sync_platform.push.meter import Meter
from sync_platform.push.pace import Pacer
from sync_platform.push.plan import masked_samples, stage_and_judge
from sync_platform.push.reception import Reception
from sync_platform.push.reports import PushContext, PushReport
from sync_platform.push.send import Sender
from sync_platform.push.wire import Wire
from sync_platform.vocabulary import SyncPlatformError

NO_WORD = "the run ended without a word (killed, or its machine stopped); the next push goes on from there"
_UNSEEN_END = "the process ended before the reply came"
_ALL_POSITIONS = 2**62


def run_push(context: PushContext) -> PushReport:
    """Send every customer whose payload the receiver does not have, and close the books.

    A rerun sends what is left. With `dry_run` nothing is written and nothing is sent.

    Raises:
        UsageError: a variable or the URL is wrong; nothing was planned.
        PermanentError: the source's query or the request's template is wrong, or the receiver refused
            (401, 403); what was not sent stays planned.
        RetryableError: the database was lost; a rerun goes on from there.
    """
    if context.spec.dry_run:
        return _dry_run(context)

    def plan(ledger: PushLedger, round_id: int) -> Account:
        account = stage_and_judge(context, ledger, round_id=round_id)
        ledger.plan(round_id=round_id, account=account)
        return account

    return _run(context, "push", plan)


def replay(context: PushContext) -> PushReport:
    """Send what is dead, and what is parked in doubt, again: the old body under the old key.

    The account is of these customers only. A rerun takes those that died again.

    Raises:
        As `run_push`.
    """

    def plan(ledger: PushLedger, round_id: int) -> Account:
        del round_id
        count = ledger.plan_replay()
        context.log(f"planned {count} dead or parked deliveries again")
        account = Account(selected=count, planned=count)
        ledger.save_account(account, requests=0)
        return account

    return _run(context, "replay", plan)


def resume(context: PushContext, *, with_dead: bool = False) -> PushReport:
    """Send what the ledger still holds for the target, without asking the source again.

    The account is of everybody whom the ledger knows. A rerun sends what is left.

    Args:
        context: as for `run_push`.
        with_dead: try the dead again too.

    Raises:
        As `run_push`.
    """

    def plan(ledger: PushLedger, round_id: int) -> Account:
        del round_id
        account = ledger.plan_resumed(with_dead=with_dead)
        ledger.save_account(account, requests=0)
        return account

    return _run(context, "push", plan)


def fail(context: PushContext, reason: str) -> None:
    """Close a push of this run that still says running as failed; a rerun changes nothing."""
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        row = ledger.push_row(run_id=context.run_id)
        if row is not None and row["status"] == "running":
            ledger.close_abandoned(row, error=reason, at=context.now())


def had_failed_before(context: PushContext) -> bool:
    """Whether the push before this run's one failed or stopped early, so that its end is worth telling."""
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        row = ledger.push_row(run_id=context.run_id)
    if row is None:
        return False
    with PushLedger(context.address, context.target, push_id=row["push_id"]) as ledger:
        return ledger.status_before() in {"failed", "incomplete"}


def abandoned_runs(context: PushContext) -> tuple[str, ...]:
    """Close pushes that still say running as failed and return their runs.

    Call it with the target's lock held: whoever says running then is dead, or a zombie that may not send.
    """
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        dead = ledger.running_pushes(context.run_id)
        for row in dead:
            ledger.close_abandoned(row, error=NO_WORD, at=context.now())
    return tuple(dict.fromkeys(row["run_id"] for row in dead if row["run_id"]))


def _run(context: PushContext, kind: str, plan: Callable[[PushLedger, int], Account]) -> PushReport:
    push_id = time.time_ns()
    began_s = time.monotonic()
    with PushLedger(context.address, context.target, push_id) as ledger:
        hold_s = _take_over(context, ledger)
        round_id = ledger.open_push(
            kind="replay" if kind == "replay" else "push", run_id=context.run_id, started_at=context.now()
        )
        try:
            planned = plan(ledger, round_id)
            return _send_planned(context, ledger, planned, hold_s=hold_s, began_s=began_s)
        except SyncPlatformError as error:
            _close_as_failed(context, ledger, str(error))
            raise
        finally:
            with suppress(SyncPlatformError):
                ledger.close_target()


def _take_over(context: PushContext, ledger: PushLedger) -> float:
    """Make every other push of the target a zombie; returns the seconds until the first request may go."""
    hold_s, was_open = ledger.open_target()
    for row in ledger.running_pushes(run_id=""):
        ledger.close_abandoned(row, error=NO_WORD, at=context.now())
    ledger.recover_sending(_UNSEEN_END)
    if not was_open:
        return hold_s
    # A push that only lost its lock may go on believing in it for the length of a lease, and a dead one may
    # have sent a moment ago.
    return max(hold_s, 2 * LEASE_S, LEASE_S + Pacer(context.spec.pace).gap_s)


def _send_planned(
    context: PushContext, ledger: PushLedger, planned: Account, *, hold_s: float, began_s: float
) -> PushReport:
    spec = context.spec
    waiting = planned.planned + (planned.in_doubt if spec.in_doubt == "resend" else 0)
    context.log(
        f"push {ledger.push_id} of {context.target}: {planned.selected} selected, "
        f"{planned.already_delivered} already delivered, {waiting} to send"
    )
    up_to = _ALL_POSITIONS if spec.limit is None else ledger.last_position(spec.limit)
    meter = Meter(context.target, min(waiting, spec.limit or waiting))
    sending_s = time.monotonic()
    reason, requests = run_interruptibly(_send(context, ledger, meter, up_to=up_to, hold_s=hold_s))
    account = ledger.account(planned)
    pending = ledger.count_pending_after_each() if spec.after_each else 0
    ledger.save_account(account, requests=requests, after_each_pending=pending)
    status = status_of(
        account, is_limited=spec.limit is not None and reason is None, after_each_pending=pending
    )
    ledger.close_push(status=status, error=reason, at=context.now())
    context.log(_account_line(account, reason))
    seconds = time.monotonic() - sending_s
    return PushReport(
        push_id=ledger.push_id,
        status=status,
        account=account,
        requests=requests,
        after_each_pending=pending,
        reason=reason,
        duration_seconds=time.monotonic() - began_s,
        rate_per_s=account.delivered / seconds if seconds else 0.0,
    )


async def _send(
    context: PushContext, ledger: PushLedger, meter: Meter, *, up_to: int, hold_s: float
) -> tuple[str | None, int]:
    spec = context.spec
    pacer = Pacer(spec.pace, not_before_s=context.clock.monotonic_s() + hold_s)
    reception = Reception(spec.breaker, pacer, context.log)
    with (
        PushLedger(
            context.address, context.target, ledger.push_id, is_relaxed=not pacer.is_paced
        ) as outcomes_ledger,
        Clerk(ledger) as clerk,
        Clerk(outcomes_ledger, is_alone=spec.max_in_flight == 1) as outcomes,
    ):
        async with Wire(spec, context.environment) as wire:
            sender = Sender(
                spec,
                wire=wire,
                intents=Intents(
                    spec,
                    clerk=clerk,
                    pacer=pacer,
                    reception=reception,
                    up_to=up_to,
                    clock=context.clock,
                ),
                outcomes=outcomes,
                pacer=pacer,
                reception=reception,
                meter=meter,
                clock=context.clock,
                gate=context.gate,
                halted=context.halted,
            )
            meter.tell()
            reason = await sender.run()
            meter.tell(is_last=True)
            return reason, sender.requests


def _dry_run(context: PushContext) -> PushReport:
    began_s = time.monotonic()
    with PushLedger(context.address, context.target, push_id=0) as ledger:
        account = stage_and_judge(context, ledger, round_id=0)
        samples = masked_samples(ledger)
    return PushReport(
        push_id=0,
        status="completed",
        account=account,
        requests=0,
        after_each_pending=0,
        reason=None,
        duration_seconds=time.monotonic() - began_s,
        rate_per_s=0.0,
        samples=samples,
    )


def _close_as_failed(context: PushContext, ledger: PushLedger, reason: str) -> None:
    """Write the failure down where the database still answers; else the next push does."""
    try:
        row = ledger.push_row(push_id=ledger.push_id)
        if row is not None:
            ledger.close_abandoned(row, error=reason, at=context.now())
    except SyncPlatformError:
        context.log("the failure could not be written to push_logs; the next push does it")


def _account_line(account: Account, reason: str | None) -> str:
    ends = ", ".join(f"{term} {count}" for term, count in account.terms().items() if count)
    return f"account: {ends or 'nothing selected'}" + (f"; ended early: {reason}" if reason else "")
