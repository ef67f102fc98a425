"""Bulk sends: a frozen audience, suppressions at send, the kill switch in the middle, no customer twice."""

import json
from collections import Counter
from collections.abc import Callable

from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.reports import WorkflowReport
from sync_platform_tests.integration.workflow.conftest import Flow, Make, refused
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)

SEND = """
while: wf/may_run
steps:
  - name: send
    push:
      source: wf/people
      key: person_id
      columns: [name]
      request: {url: "${RECEIVER}/people", json: {id: "{person_id}", name: "{name}", job: "{job}"}}
      pace: {wait_s: 0}
      retries: {count: 1, delay_s: 0.01}
      breaker: {failures: 3, probe_s: 0.05, give_up_s: 0.3}
      suppress: wf/blocked
on_start: [{sql: wf/set_running}]
on_success: [{sql: wf/set_live}]
on_failure: [{reschedule: {delay_s: 0, attempts: 9}}]
"""
OK = json_reply({"ok": True})


def person_of(request: RecordedRequest) -> str:
    return str(json.loads(request.body)["id"])


def account_of(report: WorkflowReport) -> AudienceAccount:
    account = report.steps[0].account
    assert account is not None
    assert account.is_balanced
    return account


def at_request(number: int, act: Callable[[], object]) -> Callable[[RecordedRequest], ScriptedReply]:
    """Take everybody, and act while the n-th request from now is in flight."""
    seen = 0

    def answer(_: RecordedRequest) -> ScriptedReply:
        nonlocal seen
        seen += 1
        if seen == number:
            act()
        return OK

    return answer


def flow_with(make: Make, people: int, text: str = SEND) -> Flow:
    flow = make(text)
    flow.add_people(people)
    flow.add_job("a")
    return flow


def test_everybody_of_the_audience_is_sent_to_once_with_variables_of_the_row(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 30)
    report = flow.run("a")
    assert (report.status, flow.state("a")) == ("done", "live")
    assert account_of(report) == AudienceAccount(audience=30, notified=30)
    assert json.loads(receiver.requests[0].body) == {"id": "p0001", "name": "Person 1", "job": "a"}
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 30


def test_who_is_suppressed_when_the_turn_comes_is_not_sent_to_and_counted(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 10)

    def block() -> None:
        flow.rows("insert into blocked values ('p0004', 'unsubscribed'), ('p0009', 'bounced')")

    receiver.script("/people", at_request(3, block))
    report = flow.run("a")
    assert account_of(report) == AudienceAccount(audience=10, notified=8, suppressed=2)
    assert {"p0004", "p0009"}.isdisjoint(map(person_of, receiver.requests))
    assert flow.rows(
        "select customer_id, last_error, attempts from push_deliveries where status = 'suppressed'"
    ) == [
        ("p0004", "unsubscribed", 0),
        ("p0009", "bounced", 0),
    ]
    assert flow.rows("select status, selected, delivered, suppressed from push_logs") == [
        ("completed", 10, 8, 2)
    ]


def test_a_pause_stops_a_send_within_the_request_in_flight_and_resuming_sends_the_rest_once(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 40)
    receiver.script("/people", at_request(7, lambda: flow.set_state("a", "paused")))
    report = flow.run("a")
    assert (report.status, report.reason) == (
        "paused",
        "paused: wf/may_run says false; 33 of 40 are still planned",
    )
    assert len(receiver.requests) == 7
    assert account_of(report) == AudienceAccount(audience=40, notified=7, planned=33)
    assert (flow.due(), refused(flow.claim("a"))) == ([], "not_due")

    # Who joins after the audience was frozen is not sent to, who left still is.
    flow.add_people(0)
    flow.rows("insert into people values ('late', 'Late')")
    flow.rows("delete from people where person_id = 'p0040'")
    receiver.script("/people", OK)
    flow.set_state("a", "scheduled")
    assert flow.due() == ["a"]
    report = flow.run("a")
    assert (report.status, report.attempt) == ("done", 2)
    assert account_of(report) == AudienceAccount(audience=40, notified=40)
    assert max(Counter(map(person_of, receiver.requests)).values()) == 1
    assert "late" not in set(map(person_of, receiver.requests))


def test_with_several_in_flight_a_pause_lets_only_these_end(make: Make, receiver: ScriptedServer) -> None:
    flow = flow_with(
        make, 200, SEND.replace("pace: {wait_s: 0}", "pace: {wait_s: 0}\n      max_in_flight: 4")
    )
    receiver.script("/people", at_request(20, lambda: flow.set_state("a", "paused")))
    report = flow.run("a")
    assert report.status == "paused"
    assert 20 <= len(receiver.requests) <= 20 + 4
    assert account_of(report).planned == 200 - len(receiver.requests)


def test_a_row_that_is_deleted_while_its_send_runs_stops_it(make: Make, receiver: ScriptedServer) -> None:
    flow = flow_with(make, 20)
    receiver.script("/people", at_request(5, lambda: flow.rows("delete from jobs")))
    report = flow.run("a")
    assert report.status == "paused"
    assert "returns no row for it any more" in (report.reason or "")
    assert len(receiver.requests) == 5
    assert flow.due() == []


def test_a_receiver_that_is_down_fails_the_step_and_the_next_attempt_sends_the_rest(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 12)
    taken = iter(range(5))
    receiver.script("/people", lambda _: OK if next(taken, None) is not None else status(503))
    report = flow.run("a")
    assert (report.status, report.failed_step) == ("failed", "send")
    assert account_of(report) == AudienceAccount(audience=12, notified=5, planned=7)
    receiver.script("/people", OK)
    assert account_of(flow.run("a")) == AudienceAccount(audience=12, notified=12)


def test_who_is_refused_is_dead_and_named_and_does_not_hold_up_the_others(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 9)
    receiver.script("/people", lambda request: status(422) if person_of(request) == "p0005" else OK)
    report = flow.run("a")
    assert report.status == "done"
    assert account_of(report) == AudienceAccount(audience=9, notified=8, dead=1)


def test_that_nobody_could_be_reached_fails_the_step_and_the_next_attempt_tries_the_dead(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = flow_with(make, 6)
    receiver.script("/people", status(404))
    report = flow.run("a")
    assert report.status == "failed"
    assert "Nobody was notified: 6 of 6 are dead" in (report.reason or "")
    receiver.script("/people", OK)
    assert account_of(flow.run("a")) == AudienceAccount(audience=6, notified=6)


def test_a_send_that_takes_longer_than_its_timeout_stops_and_goes_on_in_the_next_attempt(
    make: Make, receiver: ScriptedServer
) -> None:
    slow = SEND.replace("pace: {wait_s: 0}", "pace: {max_requests_per_s: 10}").replace(
        "  - name: send", "  - name: send\n    timeout_s: 2"
    )
    flow = flow_with(make, 60, slow)
    report = flow.run("a")
    assert report.status == "failed"
    assert "2 s (timeout_s)" in (report.reason or "")
    notified = account_of(report).notified
    assert 0 < notified < 60
    assert account_of(flow.run("a")).notified > notified
    assert max(Counter(map(person_of, receiver.requests)).values()) == 1


def test_the_audience_is_a_file_that_a_variable_names_and_nothing_else(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make(SEND.replace("source: wf/people", 'source: "wf/{note}"'))
    flow.add_people(3)
    flow.add_job("a", note="people")
    flow.add_job("b", note="../people")
    flow.add_job("c", note="nobody")
    assert flow.run("a").status == "done"
    assert "names no audience" in (flow.run("b").reason or "")
    assert "There is no statement wf/nobody" in (flow.run("c").reason or "")
    assert len(receiver.requests) == 3


def test_an_empty_audience_is_done(make: Make) -> None:
    flow = flow_with(make, 0)
    report = flow.run("a")
    assert (report.status, account_of(report)) == ("done", AudienceAccount())


def test_two_keys_of_one_workflow_have_audiences_of_their_own(make: Make, receiver: ScriptedServer) -> None:
    flow = flow_with(make, 4)
    flow.add_job("b")
    flow.run("a")
    assert account_of(flow.run("b")) == AudienceAccount(audience=4, notified=4)
    assert len(receiver.requests) == 8
    targets = flow.rows("select distinct target from push_deliveries order by 1")
    assert targets == [("flow.send:a",), ("flow.send:b",)]
