"""Runs from claim to end: order, saved values, failures, actions, retries."""

from datetime import timedelta

import pytest

from sync_platform.workflow.reports import MISSED, InstanceOrder, InstanceOutcome
from sync_platform_tests.integration.workflow.conftest import Make, refused, statuses
from sync_platform_tests.scripted_server import ScriptedReply, ScriptedServer, json_reply, status

CHAIN = """
steps:
  - {name: first, sql: wf/mark}
  - {name: second, sql: wf/mark, after: [first]}
on_start: [{sql: wf/set_running}]
on_success: [{sql: wf/set_live}, {alert: "{key} is live"}]
on_failure: [{sql: wf/set_failed}, {alert: "{key} failed in {step}"}]
"""


def test_a_due_key_is_run_in_order_and_is_done_for_good(make: Make) -> None:
    flow = make(CHAIN)
    flow.add_job("a")
    assert flow.due() == ["a"]
    report = flow.run("a")
    assert (report.status, report.attempt, report.reason) == ("done", 1, None)
    assert statuses(report) == {"first": "succeeded", "second": "succeeded"}
    assert flow.done("a") == ["first", "second"]
    assert flow.state("a") == "live"
    assert flow.alerts == [("a is live", "")]
    flow.set_state("a", "scheduled")
    assert flow.due() == []
    assert refused(flow.claim("a")) == "done"
    assert refused(flow.claim("a", by="hand")) == "done"


def test_a_failed_step_fails_the_run_with_step_and_reason_and_skips_what_comes_after(make: Make) -> None:
    flow = make(CHAIN.replace("{name: first, sql: wf/mark}", "{name: first, sql: wf/fail}"))
    flow.add_job("a")
    report = flow.run("a")
    assert (report.status, report.failed_step, report.next_attempt_at) == ("failed", "first", None)
    assert report.reason == "Postgres refused while running sql/wf/fail: DivisionByZero (22012)."
    assert statuses(report) == {"first": "failed", "second": "skipped"}
    assert [step.error for step in report.steps][1] == "it comes after the success of first, which failed"
    [(state, failure)] = flow.rows("select state, failure from jobs where job = 'a'")
    assert (state, failure) == ("failed", f"first: {report.reason}")
    assert flow.alerts == [("a failed in first", report.reason)]
    assert refused(flow.claim("a")) == "failed"
    assert flow.due() == []


def test_a_failed_run_is_tried_again_after_its_delay_and_redoes_only_what_is_not_done(make: Make) -> None:
    flow = make(
        """
        steps:
          - {name: first, sql: wf/mark}
          - {name: second, sql: wf/maybe, after: [first]}
          - {name: third, sql: wf/mark, after: [second]}
        on_failure: [{sql: wf/set_failed}, {alert: "{key}"}, {reschedule: {delay_s: 600, attempts: 3}}]
        """,
        statements={"maybe": "select 1 / length(note) from jobs where job = %(key)s"},
    )
    flow.add_job("a", note="")
    report = flow.run("a")
    assert report.next_attempt_at == flow.clock() + timedelta(minutes=10)
    assert flow.rows("select next_attempt_at from jobs")[0][0] == report.next_attempt_at
    assert flow.due() == []
    assert refused(flow.claim("a")) == "waiting"
    flow.clock.advance(minutes=10)
    assert flow.due() == ["a"]
    flow.run("a")
    flow.clock.advance(minutes=10)
    flow.rows("update jobs set note = 'mended'")
    report = flow.run("a")
    assert (report.status, report.attempt) == ("done", 3)
    assert flow.done("a") == ["first", "third"]
    assert [step.attempt for step in report.steps] == [1, 3, 3]
    assert len(flow.alerts) == 2


def test_after_the_last_attempt_failed_is_final_but_a_hand_may_try_again(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/fail}]\non_failure: [{reschedule: {delay_s: 60, attempts: 2}}]")
    flow.add_job("a")
    assert flow.run("a").next_attempt_at is not None
    flow.clock.advance(minutes=1)
    assert flow.run("a").next_attempt_at is None
    flow.clock.advance(days=3)
    assert (flow.due(), refused(flow.claim("a"))) == ([], "failed")
    assert flow.run("a", by="hand").attempt == 3


@pytest.mark.parametrize(
    ("ends", "after", "runs"),
    [
        (("mark", "mark"), "[a, b]", True),
        (("mark", "fail"), "[a, b]", False),
        (("mark", "fail"), "[a, {step: b, on: failure}]", True),
        (("mark", "fail"), "[{step: a, on: failure}, {step: b, on: failure}]", False),
        (("fail", "fail"), "[{step: a, on: failure}, {step: b, on: failure}]", True),
        (("fail", "mark"), "[{step: a, on: completion}, {step: b, on: completion}]", True),
        (("mark", "fail"), "{any: [a, b]}", True),
        (("fail", "fail"), "{any: [a, b]}", False),
        (("fail", "mark"), "{any: [{step: a, on: failure}, {step: b, on: failure}]}", True),
        (("mark", "mark"), "{any: [{step: a, on: failure}, {step: b, on: failure}]}", False),
        (("fail", "fail"), "{any: [a, {step: b, on: completion}]}", True),
    ],
)
def test_a_step_runs_when_its_constraints_say_so(
    make: Make, ends: tuple[str, str], after: str, *, runs: bool
) -> None:
    flow = make(
        f"""
        steps:
          - {{name: a, sql: wf/{ends[0]}}}
          - {{name: b, sql: wf/{ends[1]}}}
          - {{name: last, sql: wf/mark, after: {after}}}
        """
    )
    flow.add_job("job")
    report = flow.run("job")
    assert statuses(report)["last"] == ("succeeded" if runs else "skipped")
    assert flow.done("job").count("last") == int(runs)


def test_a_failure_on_which_a_step_acts_is_expected_and_the_run_succeeds(make: Make) -> None:
    flow = make(
        """
        steps:
          - {name: work, sql: wf/fail}
          - {name: diagnose, sql: wf/mark, after: [{step: work, on: failure}]}
          - {name: go_on, sql: wf/mark, after: {any: [work, diagnose]}}
        on_success: [{sql: wf/set_live}]
        """
    )
    flow.add_job("a")
    report = flow.run("a")
    assert (report.status, flow.state("a")) == ("done", "live")
    assert statuses(report) == {"work": "failed", "diagnose": "succeeded", "go_on": "succeeded"}


def test_an_expected_failure_stays_in_later_attempts_so_that_not_both_branches_run(make: Make) -> None:
    flow = make(
        """
        steps:
          - {name: work, sql: wf/maybe}
          - {name: when_good, sql: wf/mark, after: [work]}
          - {name: when_bad, sql: wf/mark, after: [{step: work, on: failure}]}
          - {name: last, sql: wf/maybe, after: {any: [when_good, when_bad]}}
        on_failure: [{reschedule: {delay_s: 0, attempts: 5}}]
        """,
        statements={"maybe": "select 1 / length(note) from jobs where job = %(key)s"},
    )
    flow.add_job("a", note="")
    assert flow.run("a").failed_step == "last"
    flow.rows("update jobs set note = 'mended'")
    report = flow.run("a")
    assert report.status == "done"
    assert statuses(report) == {
        "work": "failed",
        "when_good": "skipped",
        "when_bad": "succeeded",
        "last": "succeeded",
    }
    assert flow.done("a") == ["when_bad"]


def test_a_saved_scalar_is_a_variable_of_later_steps_and_of_later_attempts(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make(
        """
        steps:
          - {name: count, sql: wf/count, save: people}
          - name: tell
            http:
              {method: PUT, url: "${RECEIVER}/call", json: {job: "{job}", people: "{people}", note: "{note}"}}
            after: [count]
        on_failure: [{reschedule: {delay_s: 0, attempts: 3}}]
        """
    )
    flow.add_people(7)
    flow.add_job("a")
    receiver.script("/call", status(503), json_reply({}))
    assert flow.run("a").status == "failed"
    flow.add_people(0)
    flow.rows("delete from people")
    assert flow.run("a").status == "done"
    [refusal, taken] = receiver.requests
    assert taken.body == b'{"job":"a","note":null,"people":7}'
    assert (taken.body, taken.headers["idempotency-key"]) == (
        refusal.body,
        refusal.headers["idempotency-key"],
    )


def test_a_request_whose_body_changed_has_another_idempotency_key(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make(
        """
        steps: [{name: tell, http: {url: "${RECEIVER}/call", json: {note: "{note}"}}}]
        on_failure: [{reschedule: {delay_s: 0, attempts: 3}}]
        """
    )
    flow.add_job("a", note="first")
    receiver.script("/call", status(500), json_reply({}))
    flow.run("a")
    flow.rows("update jobs set note = 'second'")
    assert flow.run("a").status == "done"
    [before, after] = receiver.requests
    assert after.body == b'{"note":"second"}'
    assert before.headers["idempotency-key"] != after.headers["idempotency-key"]


def test_a_query_without_a_row_leaves_the_default_or_fails_naming_the_variable(make: Make) -> None:
    steps = """
    steps:
      - {name: ask, sql: wf/none, save: found}
      - {name: use, sql: wf/use, after: [ask]}
    """
    none = {
        "none": "select note from jobs where false",
        "use": "insert into done (job, step) values (%(key)s, %(found)s)",
    }
    flow = make(steps + "\n    variables: {found: nothing}", statements=none)
    flow.add_job("a")
    assert flow.run("a").status == "done"
    assert flow.done("a") == ["nothing"]


def test_without_a_default_too_a_missing_row_names_the_variable(make: Make) -> None:
    flow = make(
        "steps: [{name: ask, sql: wf/none, save: found}]",
        statements={"none": "select note from jobs where false"},
    )
    flow.add_job("a")
    assert flow.run("a").reason == (
        "sql/wf/none returned no row, and the variable `found` has no default. Give it one in `variables`, "
        "or see why there is none."
    )


def test_defaults_yield_to_row_schedule_launch_and_a_steps_own_in_this_order(make: Make) -> None:
    text = """
    trigger: {sql: wf/due, columns: [job, note, amount, is_late], exists: wf/exists,
              schedule: {cron: "30 23 * * *", variables: {two: schedule, three: schedule}}}
    variables: {one: default, two: default, three: default, note: default}
    steps:
      - {name: shared, sql: wf/tell}
      - {name: own, sql: wf/tell, variables: {one: own, three: own}, after: [shared]}
    """
    tell = {
        "tell": "insert into done (job, step) values "
        "(%(key)s, concat_ws(' ', %(one)s::text, %(two)s::text, %(three)s::text, %(note)s::text))"
    }
    flow = make(text, statements=tell)
    flow.add_job("by sensor", note="row")
    flow.add_job("by schedule", note="row")
    flow.add_job("by hand", note="row")
    flow.run("by sensor")
    flow.run("by schedule", by="schedule", variables={"three": "launch"})
    flow.run("by hand", by="hand", variables={"note": "launch"})
    assert flow.done("by sensor") == ["default default default row", "own default own row"]
    assert flow.done("by schedule") == ["default schedule launch row", "own schedule own row"]
    assert flow.done("by hand") == ["default default default launch", "own default own launch"]


def test_a_step_that_hangs_past_its_timeout_is_stopped_and_others_go_on(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make(
        """
        steps:
          - {name: slow_sql, sql: wf/sleep, timeout_s: 0.3}
          - {name: slow_http, http: {url: "${RECEIVER}/hang"}, timeout_s: 0.3}
          - {name: other, sql: wf/mark}
          - name: after_all
            sql: wf/mark
            after: [{step: slow_sql, on: failure}, {step: slow_http, on: failure}]
        """,
        statements={"sleep": "insert into done (job, step) select %(key)s, pg_sleep(60)::text"},
    )
    receiver.script("/hang", ScriptedReply(hang="before headers"))
    flow.add_job("a")
    report = flow.run("a")
    assert statuses(report) == {
        "slow_sql": "failed",
        "slow_http": "failed",
        "other": "succeeded",
        "after_all": "succeeded",
    }
    assert report.status == "done"
    assert report.steps[0].error is not None
    assert "0.3 s (timeout_s)" in report.steps[0].error
    assert flow.done("a") == ["other", "after_all"]


def test_a_failing_step_is_tried_again_in_the_same_run_as_often_as_retry_says(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make('steps: [{name: tell, http: {url: "${RECEIVER}/call"}, retry: {count: 2, delay_s: 0.01}}]')
    receiver.script("/call", status(503), status(500), json_reply({}))
    flow.add_job("a")
    assert flow.run("a").status == "done"
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 1
    assert flow.rows("select attempt, tries from workflow_steps") == [(1, 3)]


def test_an_unset_variable_of_the_environment_is_named_and_not_tried_again(make: Make) -> None:
    flow = make('steps: [{name: tell, http: {url: "${NOWHERE_URL}/x"}, retry: {count: 5, delay_s: 60}}]')
    flow.add_job("a")
    assert "NOWHERE_URL is not set" in (flow.run("a").reason or "")


def test_ddl_takes_values_and_identifiers_without_trusting_either(make: Make) -> None:
    flow = make(
        """
        steps:
          - name: table
            sql: wf/create
            identifiers: {partition: {prefix: jobs_of_, hash_of: job}, parent: parent}
          - {name: again, sql: wf/mark, after: [table]}
        """,
        statements={
            "create": "create table {partition} partition of {parent} for values in (%(job)s)",
        },
    )
    evil = "x'); drop table jobs; --\"$1 {job} %s"
    flow.rows("create table parent (job text) partition by list (job)")
    flow.add_job(evil)
    assert flow.run(evil).status == "done"
    flow.rows("insert into parent values (%s)", evil)
    [(name,)] = flow.rows("select tableoid::regclass::text from parent")
    assert name.startswith("jobs_of_")
    assert len(name) == len("jobs_of_") + 32


def test_a_statement_that_ends_its_transaction_is_refused(make: Make) -> None:
    flow = make(
        "steps: [{name: only, sql: wf/commits}]",
        statements={"commits": "insert into done (job, step) values (%(key)s, 'x'); commit"},
    )
    flow.add_job("a")
    assert "ends the transaction by itself" in (flow.run("a").reason or "")


def test_a_step_may_run_another_instance_and_takes_over_how_it_ended(make: Make) -> None:
    orders: list[InstanceOrder] = []

    def run_instance(order: InstanceOrder) -> InstanceOutcome:
        orders.append(order)
        return InstanceOutcome(order.kind == "sync", "2 dead", {"seen": 12})

    flow = make(
        """
        steps:
          - {name: refresh, sync: users}
          - {name: tell, push: customers, after: [refresh]}
        """
    ).with_context(run_instance=run_instance)
    flow.add_job("a")
    report = flow.run("a")
    assert [(order.kind, order.name) for order in orders] == [("sync", "users"), ("push", "customers")]
    assert report.steps[0].terms == {"seen": 12}
    assert (report.failed_step, report.reason) == ("tell", "push customers: 2 dead")


def test_a_success_action_that_fails_makes_the_run_fail_and_is_done_by_the_next_attempt(make: Make) -> None:
    flow = make(
        """
        steps: [{name: only, sql: wf/mark}]
        on_success: [{sql: wf/note}, {sql: wf/maybe}]
        on_failure: [{sql: wf/set_failed}, {reschedule: {delay_s: 0, attempts: 2}}]
        on_completion: [{sql: wf/note}]
        """,
        statements={
            "maybe": "select 1 / length(note) from jobs where job = %(key)s",
            "note": "insert into done (job, step) values (%(key)s, %(status)s)",
        },
    )
    flow.add_job("a", note="")
    report = flow.run("a")
    assert (report.status, report.failed_step) == ("failed", "on_success.2")
    assert flow.done("a") == ["only", "done", "failed"]
    flow.rows("update jobs set note = 'x'")
    assert flow.run("a").status == "done"
    assert flow.done("a") == ["only", "done", "failed", "done"]


def test_an_action_may_call_an_api_with_what_happened(make: Make, receiver: ScriptedServer) -> None:
    flow = make(
        """
        steps: [{name: only, sql: wf/fail}]
        on_failure:
          - http: {url: "${RECEIVER}/call", json: {step: "{step}", reason: "{reason}", attempt: "{attempt}"}}
          - reschedule: {delay_s: 0, attempts: 5}
        """
    )
    flow.add_job("a")
    report = flow.run("a")
    flow.run("a")
    assert [request.body for request in receiver.requests] == [
        f'{{"attempt":{attempt},"reason":"{report.reason}","step":"only"}}'.encode() for attempt in (1, 2)
    ]
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 2


def test_an_alert_that_reaches_nobody_does_not_fail_a_run(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/mark}]\non_success: [{alert: done}, {sql: wf/set_live}]")
    flow = flow.with_context(alert=lambda _title, _body: False)
    flow.add_job("a")
    report = flow.run("a")
    assert (report.status, flow.state("a")) == ("done", "live")
    assert [action.status for action in report.actions] == ["failed", "succeeded"]


def test_independent_steps_run_side_by_side(make: Make) -> None:
    flow = make(
        """
        steps:
          - {name: left, sql: wf/left, timeout_s: 20}
          - {name: right, sql: wf/right, timeout_s: 20}
        """,
        statements={
            # Each waits until the other one has begun, so that one after the other would never end.
            # A sequence says so for good: nextval is seen at once and stays after its step has ended.
            side: f"do $$ begin perform nextval('{side}_began'); "
            f"while pg_sequence_last_value('{other}_began') is null "
            "loop perform pg_sleep(0.01); end loop; end $$"
            for side, other in (("left", "right"), ("right", "left"))
        },
    )
    flow.rows("create sequence left_began")
    flow.rows("create sequence right_began")
    flow.add_job("a")
    assert flow.run("a").status == "done"


def test_only_some_steps_may_be_run_and_the_rest_follows_later(make: Make) -> None:
    flow = make(CHAIN)
    flow.add_job("a")
    report = flow.run("a", only=["first"])
    assert (report.status, report.reason) == ("paused", "only some steps were run; left: second")
    assert flow.state("a") == "running"
    assert flow.run("a").status == "done"
    assert flow.done("a") == ["first", "second"]


def test_the_caller_hears_of_each_step_once_it_is_done_also_by_an_earlier_attempt(make: Make) -> None:
    flow = make(CHAIN)
    flow.add_job("a")
    flow.run("a", only=["first"])
    flow.told.clear()
    flow.run("a")
    assert [(one.step, one.status, one.attempt) for one in flow.told] == [
        ("first", "succeeded", 1),
        ("second", "succeeded", 2),
    ]


def test_a_run_that_came_too_late_is_failed_as_missed_and_nothing_of_it_runs(make: Make) -> None:
    late = "trigger: {sql: wf/due, columns: [job, note, amount, is_late], late: {column: is_late}}"
    flow = make(late + CHAIN)
    flow.add_job("a", ends_at=flow.clock())
    flow.clock.advance(hours=5)
    assert flow.due() == ["a"]
    report = flow.run("a")
    assert (report.status, report.reason, report.next_attempt_at) == ("failed", MISSED, None)
    assert flow.done("a") == []
    assert flow.rows("select state, failure from jobs") == [("failed", "missed")]


def test_the_late_policy_may_be_to_launch(make: Make) -> None:
    late = (
        "trigger: {sql: wf/due, columns: [job, note, amount, is_late], "
        "late: {column: is_late, policy: launch}}"
    )
    flow = make(late + CHAIN)
    flow.add_job("a", ends_at=flow.clock())
    assert flow.run("a").status == "done"


def test_a_bug_fails_its_step_and_is_named_without_its_text(make: Make) -> None:
    def broken(_: InstanceOrder) -> InstanceOutcome:
        raise ZeroDivisionError("canary")

    flow = make("steps: [{name: only, sync: users}]\non_failure: [{alert: '{key}'}]")
    flow = flow.with_context(run_instance=broken)
    flow.add_job("a")
    report = flow.run("a")
    assert report.status == "failed"
    assert (report.reason or "").startswith("Unforeseen ZeroDivisionError at test_run.py:")
    assert "canary" not in (report.reason or "")
    assert flow.alerts == [("a", report.reason)]
