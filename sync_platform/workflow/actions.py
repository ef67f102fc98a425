"""Actions: what follows the start or the end of an attempt, each once.

An action is a row of workflow_steps, like a step. on_success is done once a key, all others once an attempt.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from sync_platform.push.render import as_plain_text
from sync_platform.vocabulary import PermanentError, SyncPlatformError
from sync_platform.workflow.attempt import Attempt
from sync_platform.workflow.grammar import ActionSpec, AlertSpec
from sync_platform.workflow.http_step import call
from sync_platform.workflow.ledger import LostRunError
from sync_platform.workflow.references import placeholders_in
from sync_platform.workflow.reports import WorkflowContext
from sync_platform.workflow.sql_step import execute_once
from sync_platform.workflow.values_of_steps import Values, own_values, require_values

Word = Literal["on_start", "on_success", "on_failure", "on_completion"]
TIMEOUT_S = 60.0


def run_actions(
    attempt: Attempt, word: Word, ending: Mapping[str, Any] | None = None
) -> tuple[str, str] | None:
    """Do what is not done yet of some actions; one that fails is written down, and the others go on.

    Args:
        attempt: whose start or end it is.
        word: which actions.
        ending: step, reason, next_attempt_at and status, where there is an end.

    Returns:
        Name and reason of the first one that failed, or None. An alert that reaches nobody is no failure.

    Raises:
        LostRunError: another run took the key over.
    """
    context, claim, ledger = attempt.context, attempt.claim, attempt.ledger
    actions: tuple[ActionSpec, ...] = getattr(context.spec, word)
    done = {
        row["step"]
        for row in ledger.steps(claim.key)
        if row["status"] == "succeeded" and (word == "on_success" or row["attempt"] == claim.attempt)
    }
    values = {**own_values(context, claim), **ledger.variables(claim.key), **(ending or {})}
    failed: tuple[str, str] | None = None
    for number, action in enumerate(actions, start=1):
        name = f"{word}.{number}"
        if name in done or action.reschedule is not None:
            continue
        reason = _run(attempt, name, action, values)
        if reason is not None:
            context.log(f"{claim.key}: {name} failed: {reason}")
            failed = failed or (None if action.alert else (name, reason))
    return failed


def _run(attempt: Attempt, name: str, action: ActionSpec, values: Values) -> str | None:
    """Do one action; why it failed, or None."""
    context, claim, ledger = attempt.context, attempt.claim, attempt.ledger
    if not ledger.begin_step(claim.hold, name, context.now()):
        return None
    try:
        with attempt.stop.within(TIMEOUT_S, f"it took longer than {TIMEOUT_S:g} s") as own:
            if action.sql is not None:
                execute_once(context, claim, name, action.sql, values, stop=own, timeout_s=TIMEOUT_S)
            elif action.http is not None:
                scope = name if name.startswith("on_success") else f"{name}#{claim.attempt}"
                call(context, claim, scope, action.http, values, stop=own, timeout_s=TIMEOUT_S)
            elif action.alert is not None:
                _alert(context, action.alert, values)
    except LostRunError:
        raise
    except SyncPlatformError as error:
        told = ledger.end_step(claim.hold, name, "failed", context.now(), error=str(error))
        return None if told == "succeeded" else str(error)
    if action.sql is None:
        ledger.end_step(claim.hold, name, "succeeded", context.now())
    return None


def _alert(context: WorkflowContext, alert: AlertSpec, values: Values) -> None:
    require_values(placeholders_in([alert.title, alert.body]), values, "the alert")
    title = _filled(alert.title, values)
    body = _filled(alert.body, values) or as_plain_text(values.get("reason"))
    if not context.alert(title, body):
        raise PermanentError("The alert did not reach everybody. Check ALERT_URLS.")


def _filled(text: str, values: Values) -> str:
    return re.sub(r"\{([A-Za-z_]\w*)\}", lambda found: as_plain_text(values[found[1]]), text)
