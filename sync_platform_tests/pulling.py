"""Runs the four steps of a sync of any YAML against any server: what tests of the grammar and examples share.

Here belongs only running and looking; what a server answers stands with each test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql
from psycopg.rows import dict_row

from sync_platform.pull import sync as engine
from sync_platform.pull import turns
from sync_platform.pull.account import Account
from sync_platform.pull.reports import PullContext, Scope
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import SyncOrder, SyncType
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect

Row = dict[str, Any]
BEGIN = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass
class Pulling:
    """One source, its database and its landing zone; `now` stands still until a test moves it."""

    spec: ApiSyncSpec
    address: DatabaseAddress
    landing: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    now: datetime = BEGIN
    lines: list[str] = field(default_factory=list)

    def context(self) -> PullContext:
        return PullContext(
            spec=self.spec,
            address=self.address,
            landing_url=str(self.landing),
            environment=self.environment,
            run_id=uuid4().hex,
            log=self.lines.append,
            now=lambda: self.now,
        )

    def sync(self, sync_type: SyncType = "incremental", since: datetime | None = None) -> Row:
        """Run all steps, demand that the books balance, and return the row of sync_logs."""
        context = self.context()
        turns.take_turn(context)
        read = engine.read_source(context, SyncOrder(sync_type, since=since))
        days = (read.first_day, read.last_day) if read.first_day and read.last_day else None
        scope = Scope(context.run_id, days)
        engine.normalize(context, scope)
        engine.load(context, scope)
        engine.close(context, scope)
        [row] = self.rows("select * from sync_logs where sync_id = %s", read.sync_id)
        account = Account(**{term: row[term] for term in Account().terms()})
        assert account.is_balanced, account
        return row

    def table(self, *columns: str) -> set[tuple[Any, ...]]:
        """The rows of the target, as the chosen columns."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        target = sql.Identifier(*self.spec.target.table.split(".", 1))
        with connect(self.address) as connection:
            return set(connection.execute(sql.SQL("select {} from {}").format(names, target)).fetchall())

    def rows(self, query: str, *values: object) -> list[Row]:
        with connect(self.address, autocommit=True) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(query.encode(), values or None).fetchall()

    @property
    def watermark(self) -> str | None:
        rows = self.rows("select value from sync_metadata where key = %s", self.spec.watermark_name)
        return rows[0]["value"] if rows else None

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def spec_of(**words: Any) -> ApiSyncSpec:
    """A small source; `words` replace or add to its YAML, and None takes a word away."""
    said: dict[str, Any] = {
        "source": "things",
        "base_url": "${API_URL}",
        "request": {"path": "/things"},
        "pagination": {"type": "none"},
        "records": "data",
        "columns": {"id": "id", "name": "name"},
        "target": {"table": "things", "key": "id"},
        "retries": {"count": 1, "delay_s": 0},
        **words,
    }
    return ApiSyncSpec.model_validate({word: value for word, value in said.items() if value is not None})
