"""A workflow of a test's own on a real database: jobs that are due, a clock that the test sets, a receiver.

The table `jobs(job, due_at, ends_at, state, note)` is what triggers ask; `done(job, step, at)` is what SQL
steps write, one row each time, so that a test sees what ran how often.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_platform.vocabulary import SyncPlatformError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.workflow.engine import claim, describe, due_work, recover, run_workflow
from sync_platform.workflow.reports import (
    Claim,
    Order,
    Refusal,
    StepReport,
    WorkflowContext,
    WorkflowReport,
)
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.scripted_server import ScriptedServer, json_reply
from sync_platform_tests.workflow_sql import statements_in, write

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLES = """
create table jobs (
    job text primary key, due_at timestamptz, ends_at timestamptz, state text not null default 'scheduled',
    note text, failure text, next_attempt_at timestamptz, amount numeric
);
create table done (job text not null, step text not null, id bigint generated always as identity);
create table people (person_id text primary key, name text not null);
create table blocked (person_id text primary key, reason text not null);
"""
STATEMENTS = {
    "due": "select job, note, amount, ends_at <= %(now)s as is_late from jobs "
    "where due_at <= %(now)s + make_interval(secs => %(lead_s)s) "
    "and state in ('scheduled', 'running', 'failed') order by due_at, job",
    "exists": "select 1 from jobs where job = %(key)s",
    "may_run": "select state <> 'paused' from jobs where job = %(key)s",
    "mark": "insert into done (job, step) values (%(key)s, %(step)s)",
    "fail": "select 1 / 0",
    "set_running": "update jobs set state = 'running' where job = %(key)s",
    "set_live": "update jobs set state = 'live' where job = %(key)s",
    "set_failed": "update jobs set state = 'failed', failure = concat_ws(': ', %(step)s::text, %(reason)s), "
    "next_attempt_at = %(next_attempt_at)s where job = %(key)s",
    "count": "select count(*) from people",
    "people": "select person_id, name from people order by person_id",
    "blocked": "select reason from blocked where person_id = %(customer_id)s",
}


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **words: float) -> None:
        self.at += timedelta(**words)


@dataclass
class Flow:
    """One workflow, its database and all it said."""

    context: WorkflowContext
    clock: Clock
    lines: list[str] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    told: list[StepReport] = field(default_factory=list)

    def with_context(self, **words: Any) -> "Flow":
        return replace(self, context=replace(self.context, **words))

    def due(self, **words: Any) -> list[str]:
        return [one.key for one in due_work(self.context, **words).due]

    def claim(self, key: str, **words: Any) -> Claim | Refusal:
        return claim(self.context, Order(key, **words))

    def run(self, key: str, only: list[str] | None = None, **words: Any) -> WorkflowReport:
        claimed = self.claim(key, **words)
        assert isinstance(claimed, Claim), claimed
        return run_workflow(self.context, claimed, only=only, on_step=self.told.append)

    def recover(self) -> list[str]:
        return [one.key for one in recover(self.context)]

    def describe(self, key: str) -> WorkflowReport:
        return describe(self.context, key)

    def add_job(self, job: str, **columns: Any) -> None:
        values = {"job": job, "due_at": self.clock(), "ends_at": self.clock() + timedelta(days=1), **columns}
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        self.rows(f"insert into jobs ({names}) values ({marks})", *values.values())  # noqa: S608 - a test's

    def set_state(self, job: str, state: str) -> None:
        self.rows("update jobs set state = %s where job = %s", state, job)

    def state(self, job: str) -> str:
        return str(self.rows("select state from jobs where job = %s", job)[0][0])

    def add_people(self, count: int) -> None:
        self.rows(
            "insert into people select 'p' || lpad(n::text, 4, '0'), 'Person ' || n "
            "from generate_series(1, %s) as n",
            count,
        )

    def done(self, job: str) -> list[str]:
        """The steps that wrote their mark, in order, each as often as it ran."""
        return [row[0] for row in self.rows("select step from done where job = %s order by id", job)]

    def expire(self, key: str) -> None:
        """Let the lease of a run be over, as if its time had passed."""
        self.rows("update workflow_runs set lease_until = now() - interval '1 s' where key = %s", key)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with connect(self.context.address, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()


def statuses(report: WorkflowReport) -> dict[str, str]:
    return {step.step: step.status for step in report.steps}


def spec_of(text: str, **words: Any) -> WorkflowSpec:
    """A workflow triggered by jobs, with the words that a test gives."""
    shipped: dict[str, Any] = {
        "trigger": {"sql": "wf/due", "columns": ["job", "note", "amount", "is_late"], "exists": "wf/exists"},
    }
    return WorkflowSpec.model_validate({**shipped, **yaml.safe_load(text), **words})


def context_of(address: DatabaseAddress, spec: WorkflowSpec, **words: Any) -> WorkflowContext:
    defaults: dict[str, Any] = {
        "spec": spec,
        "name": "flow",
        "address": address,
        "environment": {},
        "run_id": "a run",
        "log": lambda _: None,
        "now": Clock(),
    }
    return WorkflowContext(**{**defaults, **words})


@pytest.fixture
def sql_files(tmp_path: Path) -> Iterator[Path]:
    """The folder of this test's statements."""
    with statements_in(tmp_path):
        write(tmp_path, STATEMENTS)
        yield tmp_path


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    """Takes everything at /call and /people with 200."""
    with ScriptedServer() as running:
        running.script("/call", json_reply({"ok": True}))
        running.script("/people", json_reply({"ok": True}))
        yield running


Make = Callable[..., Flow]


@pytest.fixture
def make(database: DatabaseAddress, sql_files: Path, receiver: ScriptedServer) -> Make:
    """Make a workflow of YAML; `statements` are further SQL files of it."""
    with connect(database, autocommit=True) as connection:
        connection.execute(TABLES)

    def made(text: str, *, statements: Mapping[str, str] | None = None, **words: Any) -> Flow:
        write(sql_files, statements or {})
        clock = Clock()
        lines: list[str] = []
        alerts: list[tuple[str, str]] = []

        def alert(title: str, body: str) -> bool:
            alerts.append((title, body))
            return True

        context = context_of(
            database,
            spec_of(text, **words),
            log=lines.append,
            now=clock,
            alert=alert,
            environment={"RECEIVER": receiver.url},
        )
        return Flow(context, clock, lines, alerts)

    return made


def refused(outcome: Claim | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.why


def failing(work: Callable[[], object]) -> str:
    with pytest.raises(SyncPlatformError) as caught:
        work()
    return str(caught.value)
