"""A rig around the four steps of a sync: a real database, a landing folder, and a users API that changes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import pytest
from psycopg.rows import dict_row

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.account import Account
from sync_platform.pull.land import LandedSync, Landing
from sync_platform.pull.reports import CloseReport, PullContext, Scope
from sync_platform.pull.retry import RetryReport, drain
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import SyncOrder
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.fake_users_api import ENVIRONMENT, STARTED_AT, FakeUsersApi, users_spec
from sync_platform_tests.postgres import TEMPLATE, fresh_database
from sync_platform_tests.scripted_server import ScriptedServer

Row = dict[str, Any]
# Which schemas, relations, columns and constraints there are: what a test may have changed besides rows.
SHAPE: LiteralString = """
with relations as (
    select oid, relkind from pg_class
    where oid >= 16384 and relkind in ('r', 'p', 'v', 'S') and relpersistence <> 't'
)
select
    (select array_agg(oid order by oid) from relations),
    (
        select array_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull) order by attrelid, attnum)
        from pg_attribute inner join relations on attrelid = relations.oid where relkind <> 'S'
    ),
    (select array_agg(oid order by oid) from pg_constraint where oid >= 16384),
    (select array_agg(oid order by oid) from pg_trigger where oid >= 16384)
"""
EMPTY: LiteralString = """
do $$
begin
    execute (
        select 'truncate ' || string_agg(oid::regclass::text, ', ') || ' restart identity'
        from pg_class
        where relkind = 'r' and oid >= 16384 and relnamespace = 'public'::regnamespace
        and relname <> 'sync_platform_migrations'
    );
end
$$
"""


@dataclass
class Rig:
    """What a run of the four assets does, without Dagster; `now` stands still until a test moves it."""

    address: DatabaseAddress
    landing_url: str
    api: FakeUsersApi
    environment: Mapping[str, str]
    spec: ApiSyncSpec = field(default_factory=users_spec)
    now: datetime = STARTED_AT
    lines: list[str] = field(default_factory=list)
    _runs: Iterator[int] = field(default_factory=lambda: count(1))

    def context(self, run_id: str | None = None) -> PullContext:
        return PullContext(
            spec=self.spec,
            address=self.address,
            landing_url=self.landing_url,
            environment=self.environment,
            run_id=run_id or f"run-{next(self._runs)}",
            log=self.lines.append,
            now=lambda: self.now,
        )

    def sync(self, order: SyncOrder | None = None) -> CloseReport:
        """Run the four steps and demand that the account in sync_logs balances."""
        context = self.context()
        scope = self.read(context, order)
        engine.normalize(context, scope)
        engine.load(context, scope)
        [report] = engine.close(context, scope)
        self.require_balance(report.sync_id)
        return report

    def turn(self, run_id: str | None = None) -> PullContext:
        """The context of a run that has taken its turn, as each does with its first step."""
        context = self.context(run_id)
        turns.take_turn(context)
        return context

    def read(self, context: PullContext, order: SyncOrder | None = None) -> Scope:
        turns.take_turn(context)
        report = engine.read_source(context, order or SyncOrder())
        days = (report.first_day, report.last_day) if report.first_day and report.last_day else None
        return Scope(context.run_id, days)

    def drain(self, *, is_all: bool = True) -> RetryReport:
        """Drain the retry queue and demand that every account in sync_logs still balances."""
        report = drain(self.turn(), is_all=is_all)
        for row in self.rows("select sync_id from sync_logs where status <> 'failed'"):
            self.require_balance(row["sync_id"])
        return report

    def require_balance(self, sync_id: int) -> None:
        row = self.log(sync_id)
        account = Account(**{term: row[term] for term in Account().terms()})
        assert account.is_balanced, account
        assert row["records_processed"] == account.inserted + account.updated + account.unchanged

    def log(self, sync_id: int) -> Row:
        [row] = self.rows("select * from sync_logs where sync_id = %s", sync_id)
        return row

    def only_log(self) -> Row:
        [row] = self.rows("select * from sync_logs")
        return row

    def landed(self, sync_id: int) -> LandedSync:
        return Landing(self.landing_url, self.spec.source).sync(sync_id)

    def table(self) -> dict[str, tuple[str, str, str]]:
        rows = self.rows("select external_id, email, name, status from users")
        return {row["external_id"]: (row["email"], row["name"], row["status"]) for row in rows}

    def versions(self) -> dict[str, tuple[str, datetime]]:
        """Which transaction wrote each row last, and when it changed here."""
        rows = self.rows("select external_id, xmin::text as xmin, updated_at from users")
        return {row["external_id"]: (row["xmin"], row["updated_at"]) for row in rows}

    def watermark(self) -> str | None:
        rows = self.rows("select value from sync_metadata where key = 'last_user_sync'")
        return rows[0]["value"] if rows else None

    def queue(self) -> list[Row]:
        return self.rows("select * from sync_retry_queue order by id")

    def quarantine(self) -> list[Row]:
        return self.rows("select * from sync_quarantine order by id")

    def rows(self, query: LiteralString, *values: object) -> list[Row]:
        with connect(self.address, autocommit=True) as connection:
            return connection.cursor(row_factory=dict_row).execute(query, values).fetchall()

    def execute(self, statement: LiteralString, *values: object) -> None:
        with connect(self.address, autocommit=True) as connection:
            connection.execute(statement, values)

    def tick(self, seconds: float) -> None:
        """Move our clock and the source's."""
        self.now += timedelta(seconds=seconds)
        self.api.tick(seconds)


@dataclass
class SpareDatabase:
    """A migrated database for one test after the other: emptied, or copied anew where its shape changed.

    Copying costs as much as the rest of a test here, and few tests change a table.
    """

    server: DatabaseAddress
    copies: ExitStack = field(default_factory=ExitStack)
    address: DatabaseAddress | None = None
    shape: str = ""

    def clean(self) -> DatabaseAddress:
        if self.address is not None and self._shape_of(self.address) == self.shape:
            with connect(self.address, autocommit=True) as connection:
                connection.execute(EMPTY)
            return self.address
        self.copies.close()
        self.address = self.copies.enter_context(fresh_database(self.server, template=TEMPLATE))
        self.shape = self._shape_of(self.address)
        return self.address

    def _shape_of(self, address: DatabaseAddress) -> str:
        with connect(address, autocommit=True) as connection:
            row = connection.execute(SHAPE).fetchone()
        return str(row)


@pytest.fixture(scope="session")
def spare_database(postgres_address: DatabaseAddress) -> Iterator[SpareDatabase]:
    spare = SpareDatabase(postgres_address)
    with spare.copies:
        yield spare


@pytest.fixture
def database(spare_database: SpareDatabase) -> DatabaseAddress:
    """A migrated and empty database."""
    return spare_database.clean()


@pytest.fixture
def rig(database: DatabaseAddress, tmp_path: Path) -> Iterator[Rig]:
    with ScriptedServer() as server:
        api = FakeUsersApi()
        server.script("/users", api)
        environment = {**ENVIRONMENT, "EXTERNAL_API_URL": server.url}
        yield Rig(database, str(tmp_path / "landing"), api, environment)


def day(month: int, number: int) -> date:
    return date(2024, month, number)


def at(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2024, month, number, hour, tzinfo=UTC)
