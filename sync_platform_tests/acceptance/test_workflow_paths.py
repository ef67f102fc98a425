"""Paths, variables and other instances as steps, through real Dagster runs of workflows written here."""

from itertools import product
from typing import Any, LiteralString

import dagster as dg
import pytest

from sync_platform.components.workflow.component import Workflow
from sync_platform.components.workflow.instances import run_instance
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.workflow.reports import InstanceOrder
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.acceptance.users_api import told
from sync_platform_tests.acceptance.workflows import Clock, Workflows, code_location
from sync_platform_tests.own_sql import WriteSql
from sync_platform_tests.scripted_server import ScriptedServer

ONS = ("success", "failure", "completion")
MEETS = {("works", "success"), ("works", "completion"), ("breaks", "failure"), ("breaks", "completion")}


@pytest.fixture(autouse=True)
def statements(write_sql: WriteSql) -> None:
    write_sql(
        "paths",
        due="select 'k' as item, 'from the row' as word where %(now)s > '2000-01-01'",
        works="select 1",
        breaks="select 1 / 0",
        scalar="select 'from a step' as found",
        no_row="select 'never' as found where false",
        note="insert into notes values (%(word)s)",
        note_found="insert into notes values (%(found)s)",
    )


def workflow(database: DatabaseAddress, instance: dg.DagsterInstance, **words: Any) -> Workflows:
    clock = Clock()
    trigger = {"sql": "paths/due", "columns": ["item", "word"], "every_s": 30, "schedule": "0 0 * * *"}
    spec = WorkflowSpec.model_validate(
        {"name": "paths", **words, "trigger": trigger | words.get("trigger", {})}
    )
    found = Workflows(code_location([Workflow(spec, clock=clock)]), instance, database, clock)
    found.rows("create table notes (word text)")
    return found


def notes(found: Workflows) -> list[str]:
    return [row["word"] for row in found.rows("select word from notes")]


def test_every_join_of_all_and_any_with_every_end_begins_exactly_where_it_should(
    database: DatabaseAddress, instance: dg.DagsterInstance
) -> None:
    steps: list[dict[str, Any]] = [{"name": end, "sql": f"paths/{end}"} for end in ("works", "breaks")]
    expected = {"works"}
    for kind, first, second in product(("all", "any"), ONS, ONS):
        name = f"{kind}_{first}_{second}"
        edges = [{"step": "works", "on": first}, {"step": "breaks", "on": second}]
        steps.append({"name": name, "sql": "paths/works", "after": {kind: edges}})
        met = [("works", first) in MEETS, ("breaks", second) in MEETS]
        if all(met) if kind == "all" else any(met):
            expected.add(name)
    found = workflow(database, instance, steps=steps)

    [result] = found.tick("paths_sensor")

    assert result.success
    assert set(found.materialized(result)) == expected
    assert 2 < len(expected) < 20


def test_a_failure_that_no_step_takes_up_fails_the_run_after_the_rest_has_run(
    database: DatabaseAddress, instance: dg.DagsterInstance, people: ScriptedServer
) -> None:
    steps = [{"name": "breaks", "sql": "paths/breaks"}, {"name": "beside", "sql": "paths/works"}]
    found = workflow(database, instance, steps=steps)

    [result] = found.tick("paths_sensor")

    assert not result.success
    assert set(found.materialized(result)) == {"beside"}
    assert told(people.requests_to("/alerts")) == ["paths of k failed"]


@pytest.mark.parametrize(
    ("starter", "given", "own", "wins"),
    [
        ("sensor", {}, {}, "from the row"),
        ("schedule", {}, {}, "from the schedule"),
        ("hand", {"word": "from the launch"}, {}, "from the launch"),
        ("hand", {"word": "from the launch"}, {"word": "the step's own"}, "the step's own"),
    ],
)
def test_a_variable_is_the_row_s_the_schedule_s_the_launch_s_or_the_step_s_own(
    database: DatabaseAddress,
    instance: dg.DagsterInstance,
    *,
    starter: str,
    given: dict[str, str],
    own: dict[str, str],
    wins: str,
) -> None:
    schedule = {"cron": "0 0 * * *", "variables": {"word": "from the schedule"}}
    found = workflow(
        database,
        instance,
        trigger={"schedule": schedule},
        variables={"word": "the default"},
        steps=[{"name": "note", "sql": "paths/note", "variables": own}],
    )

    if starter == "hand":
        config = {"ops": {"paths": {"config": {"variables": given}}}}
        instance.add_dynamic_partitions("paths_keys", ["k"])
        assert found.run("paths_job", dg.RunRequest(partition_key="k", run_config=config)).success
    else:
        assert [one.success for one in found.tick(f"paths_{starter}")] == [True]

    assert notes(found) == [wins]


@pytest.mark.parametrize(("query", "kept"), [("scalar", "from a step"), ("no_row", "the default")])
def test_a_scalar_is_saved_for_later_steps_and_without_a_row_the_default_stays(
    database: DatabaseAddress, instance: dg.DagsterInstance, query: str, kept: str
) -> None:
    steps = [
        {"name": "look", "sql": f"paths/{query}", "save": "found"},
        {"name": "note", "sql": "paths/note_found", "after": ["look"]},
    ]
    found = workflow(database, instance, variables={"found": "the default"}, steps=steps)

    assert [one.success for one in found.tick("paths_sensor")] == [True]

    assert notes(found) == [kept]


def test_a_step_runs_a_sync_of_another_instance_and_a_wrong_name_takes_the_path_of_failure(
    database: DatabaseAddress, instance: dg.DagsterInstance
) -> None:
    steps = [
        {"name": "sync_first", "sync": "users"},
        {"name": "push_nobody", "push": "no_such_push", "after": ["sync_first"]},
        {"name": "otherwise", "sql": "paths/works", "after": [{"step": "push_nobody", "on": "failure"}]},
    ]
    found = workflow(database, instance, steps=steps)

    [result] = found.tick("paths_sensor")

    assert result.success
    shown = found.materialized(result)
    assert set(shown) == {"sync_first", "otherwise"}
    assert shown["sync_first"].metadata["inserted"].value == 5000
    assert found.rows("select count(*) as n from users") == [{"n": 5000}]
    [failed] = found.rows("select error from workflow_steps where step = 'push_nobody'")
    assert "no_such_push" in failed["error"]


@pytest.mark.usefixtures("instance")
def test_another_instance_that_has_to_stop_closes_its_books_first(database: DatabaseAddress) -> None:
    def execute(query: LiteralString) -> list[tuple[Any, ...]]:
        with connect(database) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    execute(
        "insert into users select n::text, n || '@example.com', 'Any', 'active', '{}', now(), now(), 1"
        " from generate_series(1, 50) as n"
    )
    delivered = "select 1 from push_deliveries where status = 'delivered'"

    outcome = run_instance(InstanceOrder("push", "customers", should_stop=lambda: bool(execute(delivered))))

    assert not outcome.is_success
    assert outcome.reason == "it was stopped"
    [(status, sent, planned)] = execute("select status, delivered, planned from push_logs")
    assert status == "failed"
    assert (sent + planned, sent > 0) == (50, True)
