"""The example of overdue invoices: another workflow by YAML and SQL alone, on real runs."""

import json
from pathlib import Path

import dagster as dg
import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.acceptance.users_api import told
from sync_platform_tests.acceptance.workflows import Clock, Workflows, code_location, loaded
from sync_platform_tests.own_sql import WriteSql
from sync_platform_tests.scripted_server import ScriptedServer, status

EXAMPLE = Path(__file__).parents[2] / "examples" / "overdue_invoices"
SENSOR, SCHEDULE, JOB = (f"invoice_reminder_{what}" for what in ("sensor", "schedule", "job"))


@pytest.fixture(autouse=True)
def own_sql(write_sql: WriteSql) -> None:
    """The folder `sql/` with the example's files beside ours, as its README says."""
    files = (EXAMPLE / "sql" / "invoices").glob("*.sql")
    write_sql("invoices", **{file.stem: file.read_text(encoding="utf-8") for file in files})


@pytest.fixture(autouse=True)
def billing(people: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    monkeypatch.setenv("BILLING_URL", people.url)
    people.script("/reminders", status(200))
    return people


@pytest.fixture
def invoices(database: DatabaseAddress, instance: dg.DagsterInstance) -> Workflows:
    with connect(database) as connection:
        connection.execute((EXAMPLE / "sql/invoices/create_tables.sql").read_text(encoding="utf-8"))
    clock = Clock()
    found = Workflows(code_location([loaded(EXAMPLE, clock)]), instance, database, clock)
    found.rows(
        "insert into invoices values ('late', 'ada', 100, current_date - 3),"
        " ('soon', 'bob', 50, current_date + 3)"
    )
    return found


def reminded(invoices: Workflows) -> list[tuple[str, str | None]]:
    rows = invoices.rows("select invoice_id, reminded_by from invoices order by 1")
    return [(row["invoice_id"], row["reminded_by"]) for row in rows]


def test_an_overdue_invoice_is_reminded_of_by_mail_with_the_saved_amount(
    invoices: Workflows, billing: ScriptedServer
) -> None:
    [result] = invoices.tick(SENSOR)

    assert result.success
    assert set(invoices.materialized(result)) == {"invoice_amount", "reminder_mail", "reminded_invoice"}
    assert reminded(invoices) == [("late", "mail"), ("soon", None)]
    [mail] = billing.requests_to("/reminders")
    assert json.loads(mail.body)["customer"] == "ada"
    assert float(json.loads(mail.body)["amount"]) == 105
    assert invoices.tick(SENSOR) + invoices.tick(SCHEDULE) == []


def test_where_the_mail_is_refused_a_letter_is_written_and_the_run_is_well(
    invoices: Workflows, billing: ScriptedServer
) -> None:
    billing.script("/reminders", status(422))

    [result] = invoices.tick(SENSOR)

    assert result.success
    assert set(invoices.materialized(result)) == {"invoice_amount", "reminder_letter", "reminded_invoice"}
    assert reminded(invoices) == [("late", "letter"), ("soon", None)]
    assert told(billing.requests_to("/alerts")) == []


def test_a_variable_given_at_launch_wins_over_the_default(
    invoices: Workflows, billing: ScriptedServer
) -> None:
    invoices.instance.add_dynamic_partitions("invoice_reminder_keys", ["late"])
    config = {"ops": {"invoice_reminder": {"config": {"variables": {"late_fee": 40}}}}}

    assert invoices.run(JOB, dg.RunRequest(partition_key="late", run_config=config)).success

    [mail] = billing.requests_to("/reminders")
    assert float(json.loads(mail.body)["amount"]) == 140


def test_who_pays_after_the_tick_is_not_reminded(invoices: Workflows, billing: ScriptedServer) -> None:
    [request] = invoices.requests(SENSOR)
    invoices.rows("update invoices set paid_at = now() where invoice_id = 'late'")

    invoices.run(JOB, request)

    assert billing.requests_to("/reminders") == []
    assert reminded(invoices) == [("late", None), ("soon", None)]
