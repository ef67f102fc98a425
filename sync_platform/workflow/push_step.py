"""A bulk send: an audience that is selected once, and sent to through the push engine and its ledger.

The target is `workflow.step:key`. Whoever goes on finds the audience in the ledger and asks the query no
more. Right before each request the kill switch and the suppressions are asked.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sync_platform.push.gate import Gate, Halt, Suppressed
from sync_platform.push.push import resume, run_push
from sync_platform.push.reports import PushContext, PushReport
from sync_platform.push.spec import ApiPushSpec
from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform.warehouse.locks import named_lock
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.grammar import PushStepSpec
from sync_platform.workflow.ledger import open_ledger
from sync_platform.workflow.pausing import PausedError, why_paused
from sync_platform.workflow.references import bound_in, placeholders_in
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.stopping import Stop
from sync_platform.workflow.values_of_steps import Values, bound_values, require_values

_FILE_NAME = re.compile(r"[a-z0-9_]+")


def target_of(workflow: str, step: str, key: str) -> str:
    """Return the name of a bulk send in the push engine's ledger."""
    return f"{workflow}.{step}:{key}"


def send_to_audience(
    context: WorkflowContext, claim: Claim, step: str, push: PushStepSpec, values: Values, *, stop: Stop
) -> None:
    """Send to everybody of the audience who was not sent to yet.

    A rerun sends what is left. Who is dead or in doubt at the end is named in push_deliveries, and does not
    fail the step; that nobody could be reached at all does, and the next try sends to the dead again.

    Raises:
        PausedError: the kill switch stopped it; the rest stays planned.
        RetryableError: it was stopped, or the receiver is down; the rest stays planned.
        PermanentError: the query, the request or the receiver refuses; or nobody could be reached.
    """
    target = target_of(context.name, step, claim.key)
    with open_ledger(context) as ledger:
        before = ledger.audience(target)
    with (
        named_lock(context.address, f"push:{target}", wait=False),
        _gate(context, claim, push, values) as gate,
    ):
        order = PushContext(
            spec=_spec_of(push, values),
            target=target,
            address=context.address,
            environment=context.environment,
            run_id=context.run_id,
            log=context.log,
            now=context.now,
            parameters=bound_values(_source_of(push, values), values),
            constants=values,
            gate=gate,
            halted=lambda: stop.reason,
        )
        if before.audience:
            report = resume(order, with_dead=before.dead > 0 and before.notified == 0)
        else:
            report = run_push(order)
    with open_ledger(context) as ledger:
        after = ledger.audience(target)
        paused = why_paused(context, claim, ledger)
    _judge(report, after, target, paused=paused, stopped=stop.reason)


def _judge(
    report: PushReport, account: AudienceAccount, target: str, *, paused: str | None, stopped: str | None
) -> None:
    """Decide what the end of a send means for its step."""
    if account.planned and stopped is not None:
        raise RetryableError(f"{stopped}; {account.planned} of {account.audience} are still planned.")
    if account.planned and paused is not None:
        raise PausedError(f"{paused}; {account.planned} of {account.audience} are still planned")
    if account.planned:
        raise RetryableError(
            f"{account.planned} of {account.audience} are still planned: {report.reason or 'not sent'}."
        )
    if account.dead and not account.notified:
        raise PermanentError(
            f"Nobody was notified: {account.dead} of {account.audience} are dead. push_deliveries names why "
            f"(target {target}); mend it, and the next attempt sends to them again."
        )


@contextmanager
def _gate(
    context: WorkflowContext, claim: Claim, push: PushStepSpec, values: Values
) -> Iterator[Gate | None]:
    """Lend what is asked right before each request, on its own connection; None where nothing is asked."""
    if context.spec.while_true is None and push.suppress is None:
        yield None
        return
    with open_ledger(context) as ledger:

        def ask(customer_id: str) -> Suppressed | Halt | None:
            if reason := why_paused(context, claim, ledger):
                return Halt(reason)
            if push.suppress is None:
                return None
            bound = bound_values(push.suppress, values, extra={"customer_id": customer_id})
            row = ledger.first_row(push.suppress, bound, f"asking who is suppressed ({push.suppress})")
            return None if row is None else Suppressed(str(row[0]))

        yield ask


def _spec_of(push: PushStepSpec, values: Values) -> ApiPushSpec:
    request = push.request
    used = placeholders_in([request.url, request.params, request.headers, request.json_body])
    require_values(used - {push.key, *push.columns}, values, "the request")
    return push.model_copy(update={"source": _source_of(push, values)})


def _source_of(push: PushStepSpec, values: Values) -> str:
    """Return the audience's file; a variable in it is a file's name and nothing else.

    Raises:
        PermanentError: the variable holds no name, or there is no such file.
    """
    source = push.source
    names = placeholders_in(source)
    require_values(names, values, "the audience")
    for name in names:
        if not _FILE_NAME.fullmatch(str(values[name])):
            raise PermanentError(
                f"The variable `{name}` names no audience: it is a file in sql/{source.rpartition('/')[0]}, "
                "of small letters, digits and _, without .sql."
            )
        source = source.replace(f"{{{name}}}", str(values[name]))
    bound_in(source)
    return source
