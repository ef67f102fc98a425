"""The step after each delivered item: once, also after a failure or a crash."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync_platform.push.account import Account
from sync_platform.push.push import run_push
from sync_platform.push.reports import PushReport
from sync_platform.warehouse import statements
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.integration.push.conftest import (
    PATH,
    add_customers,
    by_customer,
    context_of,
    rows,
    spec_of,
)
from sync_platform_tests.integration.push.pusher import ended, start_pusher
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)

Push = Callable[..., PushReport]
OK = json_reply({"ok": True}, 201)
AFTER = "/after"


@pytest.fixture
def welcomed(
    database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseAddress]:
    """A table, and in an engineer's `sql/` a statement that writes each delivered customer into it."""
    folder = tmp_path / "sql"
    shutil.copytree(statements.sql_folder(), folder)
    (folder / "push" / "welcome.sql").write_text(
        "insert into welcomed (customer_id, email, status_code)"
        " values (%(customer_id)s, %(payload)s ->> 'email', %(status_code)s)"
    )
    with connect(database, autocommit=True) as connection:
        connection.execute("create table welcomed (customer_id text, email text, status_code integer)")
    monkeypatch.setattr(statements, "SQL_FOLDERS", (folder,))
    _forget_statements()
    yield database
    monkeypatch.undo()
    _forget_statements()


def _forget_statements() -> None:
    statements.statement.cache_clear()
    statements.sql_folder.cache_clear()


def test_a_statement_runs_once_for_each_delivered_customer(
    welcomed: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(welcomed, 5)
    receiver.script(PATH, by_customer(c00004=status(422)))
    for _ in range(2):
        push(after_each={"sql": "push/welcome"}, max_in_flight=3)
    assert rows(welcomed, "select * from welcomed order by 1") == [
        {"customer_id": f"c{n:05}", "email": f"c{n}@example.com", "status_code": 201} for n in (1, 2, 3, 5)
    ]


def test_a_step_that_fails_leaves_its_item_delivered_and_is_done_by_the_next_push(
    welcomed: DatabaseAddress, receiver: ScriptedServer, push: Push
) -> None:
    add_customers(welcomed, 3)
    with connect(welcomed, autocommit=True) as connection:
        connection.execute("alter table welcomed add constraint not_two check (customer_id <> 'c00002')")
    report = push(after_each={"sql": "push/welcome"})
    assert report.account == Account(selected=3, delivered=3)
    assert (report.status, report.after_each_pending) == ("completed_with_errors", 1)
    with connect(welcomed, autocommit=True) as connection:
        connection.execute("alter table welcomed drop constraint not_two")
    report = push(after_each={"sql": "push/welcome"})
    assert (report.status, report.after_each_pending) == ("completed", 0)
    assert rows(welcomed, "select count(*) as n from welcomed") == [{"n": 3}]
    assert len(receiver.requests) == 3


def test_a_call_that_a_kill_interrupted_is_made_again_with_its_key_and_no_item_is_sent_again(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 6)
    call = {"http": {"url": f"{receiver.url}{AFTER}", "json": {"id": "{customer_id}"}}}
    spec = spec_of(f"{receiver.url}{PATH}", after_each=call)
    pushers: list[subprocess.Popen[str]] = []

    def kill(_: RecordedRequest) -> ScriptedReply:
        pushers[0].kill()
        return OK

    receiver.script(AFTER, OK, OK, kill, OK)
    pushers.append(start_pusher(database, spec))
    assert ended(pushers[0]) == {}
    assert run_push(context_of(database, spec)).status == "completed"
    keys = Counter(request.headers["idempotency-key"] for request in receiver.requests_to(AFTER))
    assert sorted(keys.values()) == [1, 1, 1, 1, 1, 2]
    assert rows(database, "select id from push_after_each") == []


def test_a_step_that_waits_runs_for_what_was_delivered_even_after_a_new_payload(
    welcomed: DatabaseAddress, push: Push
) -> None:
    add_customers(welcomed, 1)
    with connect(welcomed, autocommit=True) as connection:
        connection.execute("alter table welcomed add constraint nobody check (false) not valid")
    assert push(after_each={"sql": "push/welcome"}).after_each_pending == 1
    with connect(welcomed, autocommit=True) as connection:
        connection.execute("alter table welcomed drop constraint nobody")
        connection.execute("update users set email = 'new@example.com'")
    assert push(after_each={"sql": "push/welcome"}).after_each_pending == 0
    # The first delivery's step ran before the second delivery, each with its own body, and neither twice.
    sent = [row["email"] for row in rows(welcomed, "select email from welcomed")]
    assert sent == ["c1@example.com", "new@example.com"]
