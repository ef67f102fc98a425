"""Secrets and customers' values in all that runs write: they stand in landed pages and tables alone.

Every place that a secret can stand in has a canary of its own: the token, a query parameter, a header, the
body of a request, the database's password. What is searched is the whole database, Dagster's folder, the
home folder and everything that was printed.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from psycopg import sql

from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import default_resources
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.fake_list_api import page_of
from sync_platform_tests.pulling import spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer, status

SECRETS = {
    "API_TOKEN": "canary-in-the-token",
    "API_KEY": "canary-in-the-url",
    "API_HEADER": "canary-in-a-header",
    "API_BODY": "canary-in-the-body",
}
PASSWORD = "canary-in-the-dsn"
CUSTOMER = "canary.customer@example.com"
SPEC = {
    "auth": {"type": "bearer", "token": "${API_TOKEN}"},
    "request": {
        "method": "POST",
        "path": "/things",
        "params": {"key": "${API_KEY}", "page": "{page}"},
        "headers": {"X-Key": "${API_HEADER}"},
        "json": {"secret": "${API_BODY}"},
    },
    "pagination": {"type": "page", "total": "total"},
    "page_size": 2,
    "max_concurrent_pages": 1,
    "fields": {"name": {"path": "name", "type": "text", "required": True}},
}
MENDED = {**SPEC, "fields": {"name": "name"}}
PAGES = {
    1: [{"id": 1, "name": CUSTOMER}, {"id": 2, "name": [CUSTOMER]}],
    2: [{"id": 3, "name": CUSTOMER}, {"id": 4, "name": 5, "mail": CUSTOMER}],
}
# Where records may stand: as received, and as rows.
MEANT_FOR_THEM = {"things": None, "sync_quarantine": "record"}


class Source:
    """Two pages behind every kind of credential; a fault takes a page's place."""

    faults: dict[int, ScriptedReply]

    def __init__(self) -> None:
        self.faults = {}

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        sent = (request.headers.get("authorization"), request.param("key"), request.headers.get("x-key"))
        assert sent == ("Bearer canary-in-the-token", SECRETS["API_KEY"], SECRETS["API_HEADER"])
        assert SECRETS["API_BODY"].encode() in request.body
        page = int(request.param("page") or 1)
        return self.faults.get(page) or page_of(*PAGES[page], total=4)


@pytest.fixture
def source(database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    source = Source()
    with ScriptedServer() as server:
        server.script("/things", source)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", database.with_defaults(password=PASSWORD).uri())
        monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("API_URL", server.url)
        for name, secret in SECRETS.items():
            monkeypatch.setenv(name, secret)
        yield source


def definitions_of(spec: ApiSyncSpec) -> dg.Definitions:
    context = dg.ComponentTree.for_test().load_context
    bound = dg.Definitions(resources=default_resources(), executor=dg.in_process_executor)
    return dg.Definitions.merge(ApiSync(spec).build_defs(context), bound)


def written(address: DatabaseAddress, folder: Path) -> str:
    """Every row of every table and every file, but for what is meant to hold records."""
    told = [path.read_text(errors="replace") for path in files(folder) if path.suffix != ".arrow"]
    with connect(address) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            hidden = MEANT_FOR_THEM.get(table, "")
            if hidden is not None:
                query = sql.SQL("select to_jsonb(t) - {hidden} from {table} as t").format(
                    hidden=sql.Literal(hidden), table=sql.Identifier(table)
                )
                told += [str(row) for row in connection.execute(query)]
    return "\n".join(told)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_secret_and_no_customer_is_told_by_any_run(
    source: Source, database: DatabaseAddress, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = SyncNames("things")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:

        def run(spec: dict[str, object], job: str, **config: object) -> bool:
            found = definitions_of(spec_of(**spec)).resolve_job_def(job)
            return found.execute_in_process(
                instance=instance, raise_on_error=False, run_config=config
            ).success

        source.faults[2] = status(500)
        assert run(SPEC, names.job), "one record in quarantine, one page queued"
        source.faults[2] = page_of({"name": CUSTOMER}, {"id": 3, "name": CUSTOMER}, total=4)
        assert run(SPEC, names.retry_job, ops={names.retry_op: {"config": {"is_all": True}}})
        source.faults[1] = status(401)
        assert not run(SPEC, names.job)
        source.faults.clear()
        assert run(MENDED, names.replay_job)
        assert run(MENDED, names.job)
        events = "\n".join(
            str(record) for one in instance.get_runs() for record in instance.all_logs(one.run_id)
        )
    printed = capfd.readouterr()
    told = "\n".join([written(database, tmp_path), events, printed.out, printed.err])
    assert "API_TOKEN" in told, "what was refused is named by its variable"
    assert [secret for secret in (*SECRETS.values(), PASSWORD, CUSTOMER) if secret in told] == []
