"""What is due, and who gets it: two at once, sensor and schedule, bad rows, unknown keys, lost leases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sync_platform.vocabulary import UsageError
from sync_platform.workflow.engine import due_work, run_workflow
from sync_platform.workflow.ledger import LostRunError
from sync_platform.workflow.reports import Claim, Refusal
from sync_platform_tests.integration.workflow.conftest import Flow, Make, failing, refused, statuses

MARK = "steps: [{name: only, sql: wf/mark}]"


def test_of_many_that_claim_at_once_one_is_let_through(make: Make) -> None:
    flow = make(MARK)
    flow.add_job("a")
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(
            threads.map(lambda by: flow.claim("a", by=by), ["sensor", "schedule", "hand", "sensor"] * 2)
        )
    assert [type(one) for one in outcomes].count(Claim) == 1
    assert {one.why for one in outcomes if isinstance(one, Refusal)} == {"running"}


def test_everything_that_is_due_is_due_at_once_after_any_downtime(make: Make) -> None:
    flow = make(MARK)
    for number in range(3):
        flow.add_job(f"job {number}", due_at=flow.clock() + timedelta(hours=number + 1))
    assert flow.due() == []
    flow.clock.advance(hours=9)
    assert flow.due() == ["job 0", "job 1", "job 2"]


def test_the_schedule_looks_ahead_and_the_sensor_does_not(make: Make) -> None:
    lead = (
        "trigger: {sql: wf/due, columns: [job, note, amount, is_late], exists: wf/exists, "
        "schedule: '30 23 * * *', lead_s: 1800}\n"
    )
    flow = make(lead + MARK)
    flow.add_job("midnight", due_at=flow.clock() + timedelta(minutes=30))
    assert (flow.due(), flow.due(by="schedule")) == ([], ["midnight"])
    assert refused(flow.claim("midnight")) == "not_due"
    assert refused(flow.claim("midnight", by="hand")) == "not_due"
    assert flow.run("midnight", by="schedule").status == "done"
    flow.clock.advance(hours=1)
    assert flow.due() == []


def test_a_key_that_nobody_knows_is_told_from_one_that_is_not_due(make: Make) -> None:
    flow = make(MARK)
    flow.add_job("later", due_at=flow.clock() + timedelta(days=1))
    assert refused(flow.claim("later", by="hand")) == "not_due"
    assert refused(flow.claim("nonsense", by="hand")) == "unknown"


def test_a_due_key_says_which_attempt_it_would_be(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/fail}]\non_failure: [{reschedule: {delay_s: 0, attempts: 9}}]")
    flow.add_job("a")
    assert [one.attempt for one in due_work(flow.context).due] == [1]
    flow.run("a")
    assert [one.attempt for one in due_work(flow.context).due] == [2]


def test_a_launch_may_give_variables_that_the_workflow_has_and_no_others(make: Make) -> None:
    flow = make(MARK + "\nvariables: {greeting: hello}")
    flow.add_job("a")
    with pytest.raises(
        UsageError, match=r"`greetings` is no variable of flow .* There are: amount, greeting, is_late, note"
    ):
        flow.claim("a", variables={"greetings": "hi"})
    assert isinstance(flow.claim("a", variables={"greeting": "hi"}), Claim)


@pytest.mark.parametrize(
    ("rows", "due", "problem"),
    [
        ("('a', 1), (null, 1)", ["a"], "row 2: job is null"),
        ("('a', 1), ('b', 1), ('b', 2)", ["a"], "job `b` stands in more than one row; none of them is taken"),
        ("('a', 1), (' b', 1)", ["a"], "row 2: job is empty, padded, or longer than 200 characters"),
        ("('', 1), ('a', 1)", ["a"], "row 1: job is empty, padded, or longer than 200 characters"),
        ("('a', 1), (E'b\\n', 1)", ["a"], "row 2: job is empty, padded"),
        ("('a', 1), (E'b\\001c', 1)", ["a"], "row 2: job holds `...` or characters that cannot be shown"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(make: Make, rows: str, due: list[str], problem: str) -> None:
    flow = make(
        MARK,
        statements={"bad": "select job, amount from bad_rows"},
        trigger={"sql": "wf/bad", "columns": ["job", "amount"]},
    )
    view = f"create view bad_rows as select * from (values {rows}) as v (job, amount)"  # noqa: S608 - a test's
    flow.rows(view)
    report = due_work(flow.context)
    assert [one.key for one in report.due] == due
    [said] = report.problems
    assert said.startswith(f"wf/bad: {problem}")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (
            "select amount, job from jobs",
            "returns the columns amount, job; trigger.columns wants job, amount",
        ),
        ("select job from jobs", "returns the columns job; trigger.columns wants job, amount"),
        (
            "select job, amount from nowhere",
            "Postgres refused while asking what is due (wf/bad): UndefinedTable",
        ),
        ("selekt 1", "Postgres refused while asking what is due (wf/bad): SyntaxError"),
        ("delete from jobs returning job, amount", "The trigger wf/bad writes."),
    ],
)
def test_a_trigger_that_cannot_be_asked_says_what_is_wrong(make: Make, query: str, says: str) -> None:
    flow = make(MARK, statements={"bad": query}, trigger={"sql": "wf/bad", "columns": ["job", "amount"]})
    assert says in failing(lambda: due_work(flow.context))


def test_values_and_keys_that_cannot_be_kept_are_named_by_type_only(make: Make) -> None:
    flow = make(
        MARK,
        statements={"bad": "select 'a' as job, '1 day'::interval as secret union all select 'b', null"},
        trigger={"sql": "wf/bad", "columns": ["job", "secret"]},
    )
    report = due_work(flow.context)
    assert [one.key for one in report.due] == ["b"]
    [problem] = report.problems
    assert problem.startswith("wf/bad: job `a`: secret: a variable cannot be a timedelta: cast it")
    flow = make(MARK, statements={"bad": "select true as job"}, trigger={"sql": "wf/bad", "columns": ["job"]})
    assert due_work(flow.context).problems == ("wf/bad: row 1: job is a bool; cast it to text",)


def test_dates_that_change_after_a_launch_change_nothing_any_more(make: Make) -> None:
    flow = make(MARK)
    flow.add_job("a")
    flow.run("a")
    flow.rows("update jobs set due_at = due_at + interval '1 day', ends_at = ends_at + interval '9 days'")
    flow.clock.advance(days=2)
    assert flow.due() == []
    assert flow.done("a") == ["only"]


def test_a_retry_sees_the_row_as_it_is_then(make: Make) -> None:
    flow = make(
        "steps: [{name: only, sql: wf/maybe}]\non_failure: [{reschedule: {delay_s: 0, attempts: 9}}]",
        statements={"maybe": "select 1 / length(%(note)s::text)"},
    )
    flow.add_job("a", note="")
    assert flow.run("a").status == "failed"
    flow.rows("update jobs set note = 'mended'")
    assert flow.run("a").status == "done"


def test_a_key_that_is_gone_is_not_tried_again(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/fail}]\non_failure: [{reschedule: {delay_s: 0, attempts: 9}}]")
    flow.add_job("a")
    flow.run("a")
    flow.rows("delete from jobs")
    assert (flow.due(), refused(flow.claim("a", by="hand"))) == ([], "not_due")


def test_what_was_launched_with_stays_for_later_attempts(make: Make) -> None:
    flow = make(
        """
        variables: {text: ""}
        steps: [{name: first, sql: wf/tell}, {name: second, sql: wf/fail, after: [first]}]
        on_failure: [{sql: wf/tell}, {reschedule: {delay_s: 0, attempts: 9}}]
        """,
        statements={"tell": "insert into done (job, step) values (%(key)s, %(text)s)"},
    )
    flow.add_job("a")
    flow.run("a", by="hand", variables={"text": "launched"})
    flow.run("a")
    assert flow.done("a") == ["launched"] * 3


def taken_over(flow: Flow, claimed: Claim) -> None:
    """Let another process find the run dead, close it, and run the key to its end."""
    flow.expire(claimed.key)
    assert flow.recover() == [claimed.key]
    assert flow.run(claimed.key).status == "done"


def test_a_run_that_slept_through_its_lease_can_change_nothing_any_more(make: Make) -> None:
    flow = make(MARK + "\non_success: [{sql: wf/set_live}]")
    flow.add_job("a")
    sleeper = flow.claim("a")
    assert isinstance(sleeper, Claim)
    taken_over(flow, sleeper)
    with pytest.raises(LostRunError, match="Another run took over a of flow"):
        run_workflow(flow.context, sleeper)
    assert flow.done("a") == ["only"]
    assert statuses(flow.describe("a")) == {"only": "succeeded"}


def test_a_run_is_told_that_it_lost_its_key_while_it_works(make: Make) -> None:
    flow = make(
        "lease_s: 1\nsteps: [{name: only, sql: wf/sleep, timeout_s: 60}]",
        statements={"sleep": "select pg_sleep(50)"},
    )
    flow.add_job("a")
    claimed = flow.claim("a")
    assert isinstance(claimed, Claim)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run_workflow, flow.context, claimed)
        while not flow.rows("select 1 from workflow_steps where status = 'running'"):
            assert not running.done()
        flow.rows("update workflow_runs set holder = 'another'")
        with pytest.raises(LostRunError, match="Another run took over a of flow"):
            running.result(timeout=20)


def test_a_run_that_works_longer_than_its_lease_keeps_it(make: Make) -> None:
    flow = make(
        "lease_s: 1\nsteps: [{name: only, sql: wf/sleep}]", statements={"sleep": "select pg_sleep(2.2)"}
    )
    flow.add_job("a")
    claimed = flow.claim("a")
    assert isinstance(claimed, Claim)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run_workflow, flow.context, claimed)
        while not running.done():
            assert flow.recover() == []
        assert running.result().status == "done"


def test_no_value_of_a_row_stands_in_what_a_failed_run_says(make: Make) -> None:
    secret = "canary-4711@example.com"
    flow = make(
        """
        steps:
          - {name: cast, sql: wf/cast}
          - {name: unique, sql: wf/unique}
          - {name: path, http: {url: "http://127.0.0.1:1/{note}"}}
        on_failure: [{sql: wf/cast}]
        """,
        statements={
            "cast": "select %(note)s::integer",
            "unique": "insert into people values (%(note)s, 'x'), (%(note)s, 'y')",
        },
    )
    flow.add_job("a", note=secret)
    report = flow.run("a")
    said = [report.reason, *flow.lines, *(one.error for one in (*report.steps, *report.actions))]
    assert len([one.error for one in report.steps if one.error]) == 3
    assert not any(secret in (line or "") for line in said)
