"""One HTTP request of a step or an action, made by the push engine's wire.

At least once, always under the same Idempotency-Key for the same body, so that a receiver that knows the
header takes it once. Nothing is retried here.
"""

import asyncio
import hashlib
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from sync_platform.push.items import Item
from sync_platform.push.outcome import Outcome
from sync_platform.push.render import Template
from sync_platform.push.spec import ApiPushSpec
from sync_platform.push.wire import Wire
from sync_platform.vocabulary import PermanentError, RetryableError
from sync_platform.workflow.grammar import HttpSpec
from sync_platform.workflow.references import placeholders_in
from sync_platform.workflow.reports import Claim, WorkflowContext
from sync_platform.workflow.stopping import Stop
from sync_platform.workflow.values_of_steps import Values, require_values

_PASSING = ("retry", "slow_down", "in_doubt", "unreachable")

T = TypeVar("T")


def call(
    context: WorkflowContext,
    claim: Claim,
    step: str,
    http: HttpSpec,
    values: Values,
    *,
    stop: Stop,
    timeout_s: float,
) -> None:
    """Make the request once.

    Args:
        context: the workflow's.
        claim: the key.
        step: what the Idempotency-Key is of, beside workflow, key and body.
        http: the YAML's request.
        values: what its `{name}`s stand for.
        stop: ends the request.
        timeout_s: bounds it.

    Raises:
        RetryableError: it may succeed later (5xx, 429, no answer), or it was stopped.
        PermanentError: it was refused, or cannot be made.
        SettingsError: a variable of the environment is unset.
    """
    request = http.request
    used = placeholders_in([request.url, request.params, request.headers, request.json_body])
    require_values(used, values, "the request")
    template = Template(request, list(values))
    rendered = template.render(values)
    scope = f"{context.name}\n{claim.key}\n{step}\n{rendered.payload_hash}"
    item = Item(
        customer_id=claim.key,
        payload=rendered.payload,
        request=template.parts(values),
        idempotency_key=hashlib.sha256(scope.encode()).hexdigest(),
        position=0,
        tries=1,
        was_in_doubt=False,
    )
    outcome = run_until_stopped(_send(_as_push(http, timeout_s), item, context), stop)
    if outcome.kind == "delivered":
        return
    told = f"{request.method} failed: {outcome.reason}"
    if outcome.kind in _PASSING:
        raise RetryableError(f"{told}. It may pass by itself.")
    raise PermanentError(f"{told}. Mend the request, its credentials or the receiver.")


def run_until_stopped(work: Coroutine[Any, Any, T], stop: Stop) -> T:
    """Run a coroutine to its end on a loop of its own, or cancel it when stopped.

    Raises:
        RetryableError: it was stopped.
    """

    async def run() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            with suppress(RuntimeError):  # the loop ended meanwhile, and the work with it
                loop.call_soon_threadsafe(task.cancel)

        with stop.heard_by(cancel):
            return await task

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise RetryableError(f"the request was stopped: {stop.reason}") from None


async def _send(spec: ApiPushSpec, item: Item, context: WorkflowContext) -> Outcome:
    async def at_once() -> None:
        """Nothing is asked or waited for before the request goes out."""

    async with Wire(spec, context.environment) as wire:
        return await wire.send(item, at_once)


def _as_push(http: HttpSpec, timeout_s: float) -> ApiPushSpec:
    """The request as a push of one item: source and key are never asked."""
    return ApiPushSpec(
        source="workflow/request",
        key="key",
        request=http.request,
        auth=http.auth,
        sign=http.sign,
        success=http.success,
        idempotency_header=http.idempotency_header,
        timeout_s=timeout_s,
    )
