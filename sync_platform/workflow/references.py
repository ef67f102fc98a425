"""Where a variable comes from: every name that a step uses is given by somebody before it.

Pure but for the SQL files, whose `%(name)s` are read. The columns of a query are not known before it runs,
so the YAML declares the trigger's (`trigger.columns`) and those that a bulk send's request uses (`columns`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sync_platform.vocabulary import MisfitError
from sync_platform.warehouse.statements import statement
from sync_platform.workflow.order import ancestors

if TYPE_CHECKING:
    from sync_platform.workflow.grammar import ActionSpec, HttpSpec, PushStepSpec
    from sync_platform.workflow.spec import StepSpec, WorkflowSpec

IN_EVERY_SQL = ("workflow", "key", "attempt", "run_id", "now")
IN_EVERY_REQUEST = ("workflow", "key", "step")
"""Not `now` and not `attempt`: a request that is tried again must be the same request."""
IN_ACTIONS = ("step", "reason", "next_attempt_at", "status")
"""After an end: the step that failed and why, or null; done or failed."""

_BOUND = re.compile(r"(?<!%)%\((\w+)\)[sbt]")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")

Place = tuple[str | int, ...]
Use = tuple[Place, frozenset[str], frozenset[str]]
"""Where names are used, which, and which may be."""


def bound_in(name: str) -> frozenset[str]:
    """Return the names that a SQL file binds."""
    return frozenset(_BOUND.findall(statement(name)))


def placeholders_in(template: object) -> frozenset[str]:
    """Return the `{name}`s anywhere inside a template; `${NAME}` is none."""
    if isinstance(template, str):
        return frozenset(_PLACEHOLDER.findall(template))
    if isinstance(template, Mapping):
        return frozenset().union(*map(placeholders_in, template.values()))
    if isinstance(template, list | tuple):
        return frozenset().union(*map(placeholders_in, template))
    return frozenset()


def require_known(spec: "WorkflowSpec") -> None:
    """Make sure that every variable that is used is given by somebody.

    Raises:
        MisfitError: a name comes from nowhere, or only from a step that does not come before.
    """
    _refuse_reserved(spec)
    for place, names, known in _uses(spec):
        for name in sorted(names - known):
            close = get_close_matches(name, known, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            raise MisfitError(
                place,
                f"variable `{name}` comes from nowhere: it is no default in `variables`, no column of the "
                f"trigger, and no earlier step saves it{meant}",
            )


def launch_names(spec: "WorkflowSpec") -> frozenset[str]:
    """Return the variables that may be given at launch or by the schedule."""
    return frozenset(spec.variables) | frozenset(spec.trigger.columns[1:])


def _refuse_reserved(spec: "WorkflowSpec") -> None:
    reserved = {*IN_EVERY_SQL, *IN_EVERY_REQUEST, *IN_ACTIONS, "lead_s"}
    named: list[tuple[Place, Iterable[str]]] = [
        (("variables",), spec.variables),
        (("trigger", "columns"), [column for column in spec.trigger.columns if column != "key"]),
        *((("steps", at, "variables"), step.variables) for at, step in enumerate(spec.steps)),
        *((("steps", at, "save"), [step.save]) for at, step in enumerate(spec.steps) if step.save),
    ]
    for place, names in named:
        if taken := sorted(reserved & set(names)):
            raise MisfitError(place, f"`{taken[0]}` is the workflow's own variable; choose another name")


def _uses(spec: "WorkflowSpec") -> Iterator[Use]:
    """Yield every place that uses variables."""
    defaults, given = frozenset(spec.variables), frozenset(spec.variables) | frozenset(spec.trigger.columns)
    trigger = spec.trigger
    yield ("trigger", "sql"), bound_in(trigger.sql), defaults | {"now", "lead_s"}
    if trigger.exists:
        yield ("trigger", "exists"), bound_in(trigger.exists), defaults | {"now", "key"}
    if trigger.schedule_spec is not None:
        names = frozenset(trigger.schedule_spec.variables)
        yield ("trigger", "schedule", "variables"), names, launch_names(spec)
    if spec.while_true:
        yield ("while",), bound_in(spec.while_true), given | {*IN_EVERY_SQL}
    for at, step in enumerate(spec.steps):
        saved = {spec.step(name).save for name in ancestors(spec, step.name)}
        known = given | frozenset(step.variables) | {name for name in saved if name is not None}
        for place, names, more in _step_uses(step):
            yield ("steps", at, *place), names, known | more
    everything = given | {step.save for step in spec.steps if step.save} | {*IN_ACTIONS}
    for word in ("on_start", "on_success", "on_failure", "on_completion"):
        known = given if word == "on_start" else everything
        for at, action in enumerate(getattr(spec, word)):
            for place, names in _action_uses(action):
                yield (word, at, *place), names, known | {*IN_EVERY_SQL}


def _step_uses(step: "StepSpec") -> Iterator[Use]:
    if step.report is not None:
        yield ("report",), bound_in(step.report), frozenset({"key"})
    if step.sql is not None:
        yield ("sql",), bound_in(step.sql), frozenset({*IN_EVERY_SQL, "step"})
        hashed = {one.hash_of for one in step.identifiers.values() if not isinstance(one, str)}
        yield ("identifiers",), frozenset(hashed), frozenset({"key"})
    if step.http is not None:
        yield ("http",), _in_http(step.http), frozenset(IN_EVERY_REQUEST)
    if step.kind == "push":
        yield from _push_uses(step.push)


def _push_uses(push: "PushStepSpec | Any") -> Iterator[Use]:
    sql_names = frozenset({*IN_EVERY_SQL, "step"})
    if in_name := placeholders_in(push.source):
        yield ("push", "source"), in_name, frozenset()
    else:
        yield ("push", "source"), bound_in(push.source), sql_names
    if push.suppress:
        yield ("push", "suppress"), bound_in(push.suppress), sql_names | {"customer_id"}
    request = push.request
    used = placeholders_in([request.url, request.params, request.headers, request.json_body])
    yield ("push", "request"), used, frozenset({*IN_EVERY_REQUEST, push.key, *push.columns})


def _action_uses(action: "ActionSpec") -> Iterator[tuple[Place, frozenset[str]]]:
    if action.sql is not None:
        yield ("sql",), bound_in(action.sql)
    if action.http is not None:
        yield ("http",), _in_http(action.http)
    if action.alert is not None:
        yield ("alert",), placeholders_in([action.alert.title, action.alert.body])


def _in_http(http: "HttpSpec") -> frozenset[str]:
    request = http.request
    return placeholders_in([request.url, request.params, request.headers, request.json_body])
