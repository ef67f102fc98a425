"""What a YAML may not say, and where the refusal points."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sync_platform.vocabulary import MisfitError
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.workflow_sql import statements_in, write

GOOD = """
trigger: {sql: wf/due, columns: [invoice_id, amount, is_late], exists: wf/exists}
variables: {greeting: hello}
while: wf/may_run
steps:
  - {name: total, sql: wf/total, save: total}
  - name: letter
    http: {method: PUT, url: "${CRM}/letters/{invoice_id}", json: {total: "{total}", greeting: "{greeting}"}}
    after: [total]
  - name: mails
    push:
      source: "wf/{greeting}"
      key: person_id
      columns: [name]
      request: {url: "${MAIL}/send", json: {to: "{person_id}", name: "{name}", about: "{invoice_id}"}}
    after: {any: [letter, {step: total, on: failure}]}
  - {name: refresh, sync: users, timeout_s: 60, retry: {count: 2, delay_s: 5}}
on_success: [{sql: wf/total}]
on_failure: [{alert: "{invoice_id} failed in {step}: {reason}"}, {reschedule: {delay_s: 600, attempts: 3}}]
"""
STATEMENTS = {
    "due": "select 1 where %(now)s > now() - make_interval(secs => %(lead_s)s)",
    "exists": "select %(key)s",
    "may_run": "select %(key)s = %(invoice_id)s",
    "total": "select %(amount)s + 100 %% 3 -- 50 %%(no)s",
    "wrong": "select %(amont)s",
    "saved": "select %(total)s",
    "stamped": "select %(now)s, %(attempt)s, %(step)s",
}


@pytest.fixture(autouse=True)
def sql_files(tmp_path: Path) -> Iterator[None]:
    with statements_in(tmp_path):
        write(tmp_path, STATEMENTS)
        yield


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good YAML with one word written otherwise; `steps.1.http` is a path."""
    spec: Any = yaml.safe_load(GOOD)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = spec
    for part in parents:
        place = place[part]
    place[last] = value
    return dict(spec)


def place_and_message(spec: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        WorkflowSpec.model_validate(spec)
    problem = caught.value.errors()[0]
    misfit = problem.get("ctx", {}).get("error")
    place = misfit.place if isinstance(misfit, MisfitError) else ()
    return ".".join(map(str, (*problem["loc"], *place))), problem["msg"]


def test_the_whole_grammar_is_understood() -> None:
    spec = WorkflowSpec.model_validate(yaml.safe_load(GOOD))
    assert [step.kind for step in spec.steps] == ["sql", "http", "push", "instance"]
    assert spec.steps[2].after.any[1].on == "failure"
    assert spec.reschedule is not None
    assert spec.trigger.key == "invoice_id"


def test_a_bare_on_is_read_as_the_word_although_yaml_takes_it_for_true() -> None:
    assert yaml.safe_load("{on: failure}") == {True: "failure"}
    spec = WorkflowSpec.model_validate(yaml.safe_load(GOOD))
    assert spec.steps[2].after.edges[1].on == "failure"


@pytest.mark.parametrize(
    ("path", "value", "place", "message"),
    [
        (
            "steps.0.after",
            ["mails"],
            "steps.0.after",
            "step `total` waits for itself: total after mails after",
        ),
        ("steps.0.after", ["total"], "steps.0.after", "step `total` waits for itself: total after total"),
        ("steps.1.after", ["totl"], "steps.1.after", "step `letter` comes after `totl`, which is no step"),
        ("steps.1.name", "total", "steps.1.name", "step `total` stands there twice"),
        ("steps.0.sql", "wf/wrong", "steps.0.sql", "variable `amont` comes from nowhere"),
        ("steps.0.sql", "wf/nowhere", "steps.0.sql", "There is no statement wf/nowhere"),
        ("steps.0.sql", "../x", "steps.0.sql", "names no file in sql/"),
        ("steps.3", {"name": "x", "sql": "wf/saved"}, "steps.3.sql", "variable `total` comes from nowhere"),
        ("steps.1.http.url", "${CRM}/{invoice}", "steps.1.http", "did you mean `invoice_id`?"),
        ("steps.1.http.json", {"at": "{now}"}, "steps.1.http", "variable `now` comes from nowhere"),
        ("steps.2.push.columns", [], "steps.2.push.request", "variable `name` comes from nowhere"),
        (
            "steps.2.push.source",
            "wf/{greetin}",
            "steps.2.push.source",
            "variable `greetin` comes from nowhere",
        ),
        ("steps.2.push.schedule", "0 6 * * *", "steps.2.push.body.schedule", "belongs to a push of its own"),
        ("steps.2.push.suppress", "wf/wrong", "steps.2.push.suppress", "variable `amont` comes from nowhere"),
        ("steps.0.http", {"url": "x"}, "steps.0", "step `total` is one of sql, http, push and sync"),
        ("steps.1.save", "x", "steps.1.save", "`save` belongs to a sql step"),
        ("steps.0.name", "No Name", "steps.0.name", "is no name"),
        ("steps.0.save", "attempt", "steps.0.save", "`attempt` is the workflow's own variable"),
        ("steps", [], "steps", "at least 1 item"),
        ("trigger.columns", [], "trigger.columns", "at least 1 item"),
        ("trigger.columns", ["a", "a"], "trigger.columns.1", "stands there twice"),
        ("trigger.columns", ["now"], "trigger.columns", "`now` is the workflow's own variable"),
        ("trigger.late", {"column": "late"}, "trigger.late.column", "`late` is none of the columns"),
        ("trigger.schedule", "hourly", "trigger.schedule", "is no cron expression"),
        (
            "trigger.schedule",
            {"cron": "0 6 * * *", "variables": {"greetings": 1}},
            "trigger.schedule.variables",
            "variable `greetings` comes from nowhere",
        ),
        ("while", "wf/saved", "while", "variable `total` comes from nowhere"),
        ("on_success", [{"alert": "{customer}"}], "on_success.0.alert", "variable `customer` comes from"),
        ("on_success", [{"alert": "x", "sql": "wf/total"}], "on_success.0", "an action is one of"),
        (
            "on_success",
            [{"reschedule": {"delay_s": 1, "attempts": 1}}],
            "on_success.0.reschedule",
            "reschedule belongs to on_failure",
        ),
        ("on_start", [{"sql": "wf/saved"}], "on_start.0.sql", "variable `total` comes from nowhere"),
        ("on_start", [{"sql": "wf/stamped"}], "on_start.0.sql", "variable `step` comes from nowhere"),
        ("lease_s", 0.5, "lease_s", "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(path: str, value: Any, place: str, message: str) -> None:
    said_place, said = place_and_message(changed(path, value))
    assert said_place == place
    assert message in said


def test_what_only_the_launch_gives_is_declared_with_a_default_and_may_be_null() -> None:
    spec = changed("variables", {"greeting": "hello", "amont": None})
    spec["steps"][0]["sql"] = "wf/wrong"
    assert WorkflowSpec.model_validate(spec).variables["amont"] is None


def test_a_sql_step_may_bind_what_the_workflow_knows_of_itself() -> None:
    WorkflowSpec.model_validate(changed("steps.0.sql", "wf/stamped"))
