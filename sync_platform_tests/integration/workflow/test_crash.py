"""Runs whose process dies, at moments drawn by a seed and in the worst places, and what follows."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sync_platform.vocabulary import RetryableError
from sync_platform.workflow.closing import MOST_DEATHS
from sync_platform.workflow.engine import run_workflow
from sync_platform.workflow.ledger import open_ledger
from sync_platform.workflow.reports import Claim
from sync_platform.workflow.sql_step import execute_once
from sync_platform.workflow.stopping import Stop
from sync_platform_tests.integration.workflow.conftest import Make, refused
from sync_platform_tests.integration.workflow.crash import kill_and_go_on
from sync_platform_tests.integration.workflow.runner import start_runner, wait_until_claimed
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer, json_reply


@pytest.mark.parametrize("seed", [1, 2])
def test_a_workflow_that_is_killed_again_and_again_does_everything_once(
    make: Make, receiver: ScriptedServer, sql_files: Path, seed: int
) -> None:
    kill_and_go_on(make, receiver, sql_files, seed=seed, kills=3)


def test_of_two_processes_that_run_the_same_key_one_does(make: Make, sql_files: Path) -> None:
    flow = make("steps: [{name: only, sql: wf/mark}, {name: last, sql: wf/mark, after: [only]}]")
    flow.add_job("a")
    runners = [start_runner(flow.context, "a", sql_files) for _ in range(2)]
    said = [runner.communicate(timeout=60)[0] for runner in runners]
    assert sorted(runner.returncode for runner in runners) == [0, 1]
    assert min(map(len, said)) == 0
    assert flow.done("a") == ["only", "last"]
    assert flow.describe("a").attempt == 1


def test_a_claim_whose_run_never_began_is_found_by_its_lease_and_tried_again_at_once(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/mark}]\non_failure: [{alert: '{key}: {reason}'}]")
    flow.add_job("a")
    assert isinstance(flow.claim("a"), Claim)
    assert (flow.due(), flow.recover()) == ([], [])
    flow.expire("a")
    assert flow.due() == []
    assert flow.recover() == ["a"]
    reason = "the run ended without a word (killed, or its machine stopped)"
    assert flow.alerts == [(f"a: {reason}", reason)]
    assert flow.due() == ["a"]
    assert flow.run("a").attempt == 2


def test_a_workflow_that_kills_its_process_is_not_tried_for_ever(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/mark}]")
    flow.add_job("a")
    for _ in range(MOST_DEATHS):
        assert flow.due() == ["a"]
        assert isinstance(flow.claim("a"), Claim)
        flow.expire("a")
        flow.recover()
    assert (flow.due(), refused(flow.claim("a"))) == ([], "failed")


def test_a_claim_closes_the_dead_run_of_its_key_by_itself(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/mark}]")
    flow.add_job("a")
    assert isinstance(flow.claim("a"), Claim)
    flow.expire("a")
    report = flow.run("a", by="hand")
    assert (report.status, report.attempt) == ("done", 2)


def test_who_dies_among_the_actions_leaves_the_rest_of_them_to_recovery(make: Make) -> None:
    flow = make(
        """
        steps: [{name: only, sql: wf/fail}]
        on_failure: [{sql: wf/set_failed}, {alert: "{key}"}, {sql: wf/told}]
        """,
        statements={"told": "insert into done (job, step) values (%(key)s, %(reason)s)"},
    )

    def die(_title: str, _body: str) -> bool:
        raise SystemExit

    flow.add_job("a")
    dying = flow.with_context(alert=die)
    claimed = dying.claim("a")
    assert isinstance(claimed, Claim)
    dying.rows(
        "update workflow_runs set verdict = 'failed', failed_step = 'only', reason = 'why', failures = 1"
    )
    dying.expire("a")
    assert flow.recover() == ["a"]
    assert flow.done("a") == ["why"]
    assert flow.alerts == [("a", "why")]
    assert flow.rows("select status, failures from workflow_runs") == [("failed", 1)]


def test_an_interrupted_run_stops_soon_and_goes_on_later(make: Make, sql_files: Path) -> None:
    flow = make(
        """
        steps:
          - {name: first, sql: wf/mark}
          - {name: slow, sql: wf/maybe_sleep, after: [first]}
          - {name: last, sql: wf/mark, after: [slow]}
        """,
        statements={"maybe_sleep": "select pg_sleep(100) from jobs where job = %(key)s and note is null"},
    )
    flow.add_job("a")
    runner = start_runner(flow.context, "a", sql_files)
    wait_until_claimed(runner)
    while not flow.rows("select 1 from workflow_steps where step = 'slow' and status = 'running'"):
        assert runner.poll() is None
    os.kill(runner.pid, signal.SIGINT)
    runner.communicate(timeout=15)
    report = flow.describe("a")
    assert (report.status, report.attempt) == ("paused", 1)
    assert "interrupted" in (report.reason or "")
    assert flow.rows("select failures from workflow_runs") == [(0,)]
    flow.rows("update jobs set note = 'quick'")
    assert flow.due() == ["a"]
    assert flow.run("a").status == "done"
    assert flow.done("a") == ["first", "last"]


def test_a_stop_that_comes_a_moment_before_the_statement_ends_it_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = make(
        "steps: [{name: slow, sql: wf/sleep}]", statements={"sleep": "select pg_sleep(100), %(key)s as job"}
    )
    flow.add_job("a")
    claimed = flow.claim("a")
    assert isinstance(claimed, Claim)
    really_cancel, cancels = psycopg.Connection.cancel_safe, count()

    def too_early_at_first(connection: Any, **words: Any) -> None:
        if next(cancels):
            really_cancel(connection, **words)

    monkeypatch.setattr(psycopg.Connection, "cancel_safe", too_early_at_first)
    stop = Stop()
    with ThreadPoolExecutor() as pool:
        values = {"key": "a"}
        coming = pool.submit(
            execute_once, flow.context, claimed, "slow", "wf/sleep", values, stop=stop, timeout_s=60
        )
        while not flow.rows("select from pg_stat_activity where state = 'active' and query ~ 'sleep.100'"):
            assert not coming.done()
        stop.set("enough")
        with pytest.raises(RetryableError, match="was stopped: enough"):
            coming.result(timeout=20)


def test_a_run_that_was_stopped_and_wakes_up_after_its_lease_sends_nothing_any_more(
    make: Make, receiver: ScriptedServer, sql_files: Path
) -> None:
    flow = make(
        """
        steps:
          - {name: first, sql: wf/mark}
          - {name: slow, sql: wf/sleep, after: [first]}
          - {name: tell, http: {url: "${RECEIVER}/call", json: {job: "{job}"}}, after: [slow]}
        """,
        statements={"sleep": "insert into done (job, step) select %(key)s, 'slept' from pg_sleep(1)"},
    )
    flow.add_job("a")
    runner = start_runner(flow.context, "a", sql_files)
    wait_until_claimed(runner)
    while not flow.rows("select 1 from workflow_steps where step = 'slow' and status = 'running'"):
        assert runner.poll() is None
    os.kill(runner.pid, signal.SIGSTOP)
    try:
        flow.expire("a")
        flow.recover()
        assert flow.run("a").status == "done"
    finally:
        os.kill(runner.pid, signal.SIGCONT)
    said, _ = runner.communicate(timeout=30)
    assert said == ""
    assert runner.returncode == 1
    assert flow.done("a") == ["first", "slept"]
    assert len(receiver.requests) == 1


def test_a_run_whose_database_connections_are_all_lost_ends_well_all_the_same(
    make: Make, receiver: ScriptedServer
) -> None:
    flow = make(
        """
        steps:
          - {name: first, sql: wf/mark}
          - {name: tell, http: {url: "${RECEIVER}/call"}, after: [first]}
          - {name: last, sql: wf/mark, after: [tell]}
        on_success: [{sql: wf/set_live}]
        """
    )
    flow.add_job("a")

    def lose_all(_: RecordedRequest) -> ScriptedReply:
        flow.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        return json_reply({})

    receiver.script("/call", lose_all)
    assert flow.run("a").status == "done"
    assert (flow.done("a"), flow.state("a")) == (["first", "last"], "live")


def test_a_statement_that_loses_its_connection_is_rolled_back_and_tried_again(make: Make) -> None:
    flow = make(
        "steps: [{name: only, sql: wf/dies_once, retry: {count: 1, delay_s: 0}}]",
        statements={
            "dies_once": "with marked as (insert into done (job, step) values (%(key)s, 'x') returning 1) "
            "select case nextval('tries') when 1 then pg_terminate_backend(pg_backend_pid()) end from marked"
        },
    )
    flow.rows("create sequence tries")
    flow.add_job("a")
    assert flow.run("a").status == "done"
    assert flow.done("a") == ["x"]
    assert flow.rows("select status, tries from workflow_steps") == [("succeeded", 2)]


def test_a_commit_that_arrived_without_a_word_of_it_is_not_done_again(make: Make) -> None:
    flow = make("steps: [{name: only, sql: wf/mark, retry: {count: 3, delay_s: 0}}]")
    flow.add_job("a")
    claimed = flow.claim("a")
    assert isinstance(claimed, Claim)
    with open_ledger(flow.context) as ledger:
        assert ledger.begin_step(claimed.hold, "only", flow.clock())
        ledger.end_step(claimed.hold, "only", "succeeded", flow.clock())
        assert ledger.end_step(claimed.hold, "only", "failed", flow.clock(), error="lost") == "succeeded"
        assert not ledger.begin_step(claimed.hold, "only", flow.clock())
    assert run_workflow(flow.context, claimed).status == "done"
    assert flow.done("a") == []
