"""Kills: a workflow's process is killed at moments drawn by a seed, until a last run ends well.

Here belong the workflow, the kills and what must hold afterwards; how many seeds there are is each caller's.
"""

import json
import random
import signal
import threading
from collections import Counter, defaultdict
from pathlib import Path

from sync_platform.workflow.account import AudienceAccount
from sync_platform_tests.integration.workflow.conftest import Flow, Make
from sync_platform_tests.integration.workflow.runner import start_runner, wait_until_claimed
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedServer

WORKFLOW = """
lease_s: 60
steps:
  - {name: first, sql: wf/mark}
  - {name: count, sql: wf/count, save: people, after: [first]}
  - {name: left, http: {url: "${RECEIVER}/call", json: {people: "{people}"}}, after: [count]}
  - {name: right, sql: wf/mark, after: [count]}
  - {name: broken, sql: wf/fail, after: [right]}
  - {name: mended, sql: wf/mark, after: [{step: broken, on: failure}]}
  - name: send
    push:
      source: wf/people
      key: person_id
      columns: [name]
      request: {url: "${RECEIVER}/people", json: {id: "{person_id}", name: "{name}", people: "{people}"}}
      pace: {max_requests_per_s: 200}
      max_in_flight: 2
    after: [left, mended]
  - {name: last, sql: wf/mark, after: [send]}
on_start: [{sql: wf/begun}]
on_success: [{sql: wf/set_live}, {sql: wf/told}]
on_failure: [{sql: wf/told}, {reschedule: {delay_s: 0, attempts: 99}}]
"""
STATEMENTS = {
    "begun": "insert into done (job, step) values (%(key)s, 'begun ' || %(attempt)s)",
    "told": "insert into done (job, step) values (%(key)s, %(status)s || ' ' || %(attempt)s)",
}
PEOPLE = 40
IN_FLIGHT = 2
PLACES = (
    "begun",
    "first",
    "count",
    "left",
    "right",
    "mended",
    "send",
    "last",
    "on_success.1",
    "on_success.2",
)
"""Steps and actions near whose beginning a run is killed; `begun` is any moment after the claim."""
LONGEST_DELAY_S = {"begun": 0.2, "send": 0.2}
"""A kill comes up to this long after its place has begun; by default so long as meets the commits."""
SHORT_DELAY_S = 0.03


def kill_and_go_on(make: Make, receiver: ScriptedServer, sql_files: Path, *, seed: int, kills: int) -> None:
    """Kill a run several times, let it end, and look whether everything was done once."""
    dice = random.Random(seed)
    flow = make(WORKFLOW, statements=STATEMENTS)
    flow.add_people(PEOPLE)
    flow.add_job("a")
    died = sum(kill_once(flow, sql_files, dice) for _ in range(kills))
    if not flow.rows("select 1 from workflow_runs where status = 'done'"):
        assert flow.run("a").status == "done"
    report = flow.describe("a")
    assert (report.status, report.attempt) == ("done", died + (report.attempt > died))
    look_at_marks(flow, report.attempt)
    look_at_requests(receiver.requests, died)
    assert next(one.account for one in report.steps if one.step == "send") == AudienceAccount(
        audience=PEOPLE, notified=PEOPLE
    )


def kill_once(flow: Flow, sql_files: Path, dice: random.Random) -> bool:
    """Start a run and kill it near a step or action; False where it was done before that."""
    if flow.rows("select 1 from workflow_runs where status = 'done'"):
        return False
    done = {row[0] for row in flow.rows("select step from workflow_steps where status = 'succeeded'")}
    place = dice.choice([place for place in PLACES if place not in done])
    delay_s = dice.uniform(0, LONGEST_DELAY_S.get(place, SHORT_DELAY_S))
    runner = start_runner(flow.context, "a", sql_files)
    wait_until_claimed(runner)
    while runner.poll() is None and not has_begun(flow, place):
        pass
    threading.Timer(delay_s, runner.kill).start()
    said, _ = runner.communicate(timeout=60)
    if said:
        assert json.loads(said) == {"status": "done"}
        return False
    assert runner.returncode == -signal.SIGKILL
    if flow.rows("select 1 from workflow_runs where status = 'running'"):
        flow.expire("a")
        assert flow.recover() == ["a"]
        assert flow.recover() == []
    return True


def has_begun(flow: Flow, place: str) -> bool:
    return place == "begun" or bool(
        flow.rows(
            "select 1 from workflow_steps join workflow_runs using (workflow, key, attempt) where step = %s",
            place,
        )
    )


def look_at_marks(flow: Flow, attempts: int) -> None:
    """Every SQL step was done once, every action once an attempt."""
    marks = Counter(flow.done("a"))
    for step in ("first", "right", "mended", "last"):
        assert marks.pop(step) == 1, step
    assert marks.pop(f"done {attempts}") == 1
    assert flow.state("a") == "live"
    assert set(marks.values()) == {1}, marks
    assert {one for one in marks if one.startswith("failed")} == {
        f"failed {attempt}" for attempt in range(1, attempts)
    }


def look_at_requests(requests: list[RecordedRequest], died: int) -> None:
    """A request that was repeated was the same request, and only what was in flight was."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for request in requests:
        bodies[request.headers["idempotency-key"]].add(request.body)
    assert {len(different) for different in bodies.values()} == {1}
    assert len(bodies) == PEOPLE + 1
    assert len(requests) - len(bodies) <= died * (IN_FLIGHT + 1)
