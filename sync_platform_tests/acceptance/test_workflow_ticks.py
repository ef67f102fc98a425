"""What a tick does with rows of no use, a broken query, a lost database, clock changes and dead runs."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from sync_platform.components.workflow import ticks
from sync_platform.components.workflow.component import Workflow
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.acceptance.users_api import told
from sync_platform_tests.acceptance.workflows import Clock, Workflows, code_location
from sync_platform_tests.own_sql import WriteSql
from sync_platform_tests.scripted_server import ScriptedServer

BERLIN = ZoneInfo("Europe/Berlin")
DUE = "select item, at from items where at <= %(now)s + make_interval(secs => %(lead_s)s) order by at"


@pytest.fixture(autouse=True)
def statements(write_sql: WriteSql) -> None:
    write_sql("items", due=DUE, done="select 1")


def workflow(
    database: DatabaseAddress, instance: dg.DagsterInstance, *, cron: str = "30 23 * * *", lead_s: float = 0
) -> Workflows:
    clock = Clock()
    trigger = {"sql": "items/due", "columns": ["item", "at"], "every_s": 30, "lead_s": lead_s}
    schedule = {"schedule": cron, "timezone": "Europe/Berlin"}
    steps = [{"name": "done", "sql": "items/done"}]
    spec = WorkflowSpec.model_validate({"name": "items", "trigger": trigger | schedule, "steps": steps})
    found = Workflows(code_location([Workflow(spec, clock=clock)]), instance, database, clock)
    found.rows("create table items (item text, at timestamptz default now() - interval '1 h')")
    return found


def test_rows_of_no_use_are_named_and_told_once_and_the_others_go_on(
    database: DatabaseAddress, instance: dg.DagsterInstance, people: ScriptedServer
) -> None:
    found = workflow(database, instance)
    found.rows("insert into items values ('good'), (null), ('twice'), ('twice'), (' '), (E'a\\nb')")

    results = [result.success for _ in range(2) for result in found.tick("items_sensor")]

    assert results == [True]
    assert [row["key"] for row in found.rows("select key from workflow_runs")] == ["good"]
    assert told(people.requests_to("/alerts")) == ["items: rows of the trigger cannot be run"]


def test_a_broken_query_fails_the_tick_and_names_its_file(
    database: DatabaseAddress, instance: dg.DagsterInstance, write_sql: WriteSql
) -> None:
    found = workflow(database, instance)
    write_sql("items", due="select item, at from itemz where at <= %(now)s and %(lead_s)s = 0")

    with pytest.raises(PermanentError, match="items/due"):
        found.look("items_sensor")


def test_a_database_that_cannot_be_reached_is_a_reason_to_skip(
    database: DatabaseAddress, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = workflow(database, instance)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")

    skipped = found.look("items_schedule")

    assert isinstance(skipped, dg.SkipReason)
    assert "could not be asked" in (skipped.skip_message or "")


@pytest.mark.parametrize(
    ("cron", "lead_s", "starts_at", "expected"),
    [
        # The nightly tick before the change looks half an hour ahead: ready at midnight.
        ("30 23 * * *", 1800, datetime(2026, 3, 29, 0, 0, tzinfo=BERLIN), "2026-03-28T22:30:00+00:00"),
        ("30 23 * * *", 1800, datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN), "2026-10-24T21:30:00+00:00"),
        # 02:30 does not exist on this day: the tick moves to 03:00, and looks back.
        ("30 2 * * *", 0, datetime(2026, 3, 29, 0, 0, tzinfo=UTC), "2026-03-29T01:00:00+00:00"),
        # 02:30 exists twice: one tick, or two, one run.
        ("30 2 * * *", 0, datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "2026-10-25T01:30:00+00:00"),
        # In the repeated hour, second time round: the next day's tick finds it.
        ("30 2 * * *", 0, datetime(2026, 10, 25, 1, 45, tzinfo=UTC), "2026-10-26T01:30:00+00:00"),
    ],
)
def test_a_clock_change_neither_misses_nor_repeats_anything(
    database: DatabaseAddress,
    instance: dg.DagsterInstance,
    *,
    cron: str,
    lead_s: float,
    starts_at: datetime,
    expected: str,
) -> None:
    found = workflow(database, instance, cron=cron, lead_s=lead_s)
    found.rows("insert into items values ('one', %s)", starts_at)
    begin = starts_at - timedelta(days=1)
    times = cron_string_iterator(begin.timestamp(), cron, "Europe/Berlin")
    started = []

    for time in takewhile(lambda time: time < starts_at + timedelta(days=2), times):
        found.clock.time = time.astimezone(UTC)
        started += [found.clock.time.isoformat() for result in found.tick("items_schedule") if result.success]

    assert started == [expected]


def test_a_dead_run_is_closed_in_dagster_and_its_key_goes_on(
    database: DatabaseAddress, instance: dg.DagsterInstance
) -> None:
    found = workflow(database, instance)
    found.rows("insert into items values ('one')")
    job = found.definitions.resolve_job_def("items_job")
    run = instance.create_run_for_job(
        job, tags={"dagster/partition": "one"}, status=dg.DagsterRunStatus.STARTED
    )
    found.rows(
        "insert into workflow_runs (workflow, key, attempt, status, lease_until, run_id, holder, started_at)"
        " values ('items', 'one', 1, 'running', now() - interval '1 s', %s, 'dead', now())",
        run.run_id,
    )

    [result] = found.tick("items_sensor")

    closed = instance.get_run_by_id(run.run_id)
    assert closed is not None
    assert closed.status == dg.DagsterRunStatus.FAILURE
    assert result.success
    assert found.state("items", "one")["attempt"] == 2


def test_two_ticks_at_once_ask_for_the_same_run_and_one_works(
    database: DatabaseAddress, instance: dg.DagsterInstance
) -> None:
    found = workflow(database, instance)
    found.rows("insert into items values ('one')")

    requests = [found.requests("items_sensor")[0] for _ in range(2)]
    results = [found.run("items_job", request) for request in requests]

    assert requests[0].run_key == requests[1].run_key
    assert [result.success for result in results] == [True, True]
    assert found.state("items", "one")["attempt"] == 1


def test_news_are_problems_that_the_tick_before_did_not_have() -> None:
    bad = ticks.Tick(problems=("row 1 has no item",))

    assert ticks.has_news(bad, None)
    assert not ticks.has_news(bad, ticks.cursor_of(bad))
    assert not ticks.has_news(ticks.Tick(), ticks.cursor_of(bad))


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, "RUNNING"), ({"sensor": {"status": "stopped"}}, "STOPPED"), ({"sensor": "look"}, "RUNNING")],
)
def test_a_sensor_ships_running_unless_the_yaml_stops_it(said: dict[str, object], expected: str) -> None:
    trigger = {"sql": "items/due", "columns": ["item", "at"], "every_s": 30} | said
    steps = [{"name": "done", "sql": "items/done"}]
    spec = WorkflowSpec.model_validate({"name": "items", "trigger": trigger, "steps": steps})

    [sensor] = code_location([Workflow(spec)]).get_repository_def().sensor_defs

    assert sensor.default_status.value == expected


def test_names_follow_from_the_workflow_s_name_unless_the_yaml_gives_them() -> None:
    steps = [{"name": "done", "sql": "items/done"}]
    trigger = {"sql": "items/due", "columns": ["item", "at"]}
    plain = WorkflowNames("items", WorkflowSpec.model_validate({"trigger": trigger, "steps": steps}))
    named = WorkflowNames(
        "items",
        WorkflowSpec.model_validate(
            {"trigger": trigger | {"sensor": "look_sensor"}, "steps": steps, "partitions": "things"}
        ),
    )

    assert (plain.sensor, plain.schedule, plain.partitions) == (
        "items_sensor",
        "items_schedule",
        "items_keys",
    )
    assert (named.sensor, named.partitions) == ("look_sensor", "things")
