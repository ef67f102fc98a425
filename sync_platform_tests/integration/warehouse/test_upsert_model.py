"""The load against a model of a few lines: any rows, in any order, over any number of syncs."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.tables import Column, TargetTable
from sync_platform.warehouse.tally import LoadCounts
from sync_platform_tests.integration.warehouse.staged_rows import EPOCH, Row, load
from sync_platform_tests.postgres import run

USERS = TargetTable(
    "users", "external_id", (Column("external_id", "text"), Column("email", "text"), Column("status", "text"))
)
ROWS = st.builds(
    lambda key, email, status, at_s, is_deleted: Row(
        {"external_id": key, "email": email, "status": status}, at_s, is_deleted
    ),
    st.sampled_from("abcd"),
    st.sampled_from(["x@", "y@", None]),
    st.sampled_from(["active", None]),
    st.sampled_from([None, 0, 1, 2]),
    st.booleans(),
)
SYNCS = st.lists(
    st.tuples(st.integers(1, 4), st.lists(ROWS, max_size=8), st.booleans()), min_size=1, max_size=4
)


@dataclass
class Model:
    """What the table should hold: key to (email, status, source time, sync id)."""

    rows: dict[str, tuple[str | None, str | None, int | None, int]] = field(default_factory=dict)

    def load(self, sync_id: int, rows: list[Row]) -> dict[str, int]:
        newest: dict[str, Row] = {}
        for row in rows:
            known = newest.get(row.values["external_id"])
            if known is None or rank(row) >= rank(known):
                newest[row.values["external_id"]] = row
        outcomes = [self.outcome(key, row, sync_id) for key, row in newest.items()]
        outcomes += ["duplicate"] * (len(rows) - len(newest))
        return {name: outcomes.count(name) for name in LoadCounts.__slots__[2:]}

    def outcome(self, key: str, row: Row, sync_id: int) -> str:
        email, status, at_s = row.values["email"], row.values["status"], row.at_s
        if key not in self.rows:
            if row.is_deleted:
                return "deleted"
            self.rows[key] = (email, status, at_s, sync_id)
            return "inserted"
        old_email, old_status, old_at_s, old_sync = self.rows[key]
        if not row.is_deleted and (email, status, at_s) == (old_email, old_status, old_at_s):
            return "unchanged"
        is_known_order = at_s is not None and old_at_s is not None and at_s != old_at_s
        if (old_at_s or 0) > (at_s or 0) if is_known_order else old_sync > sync_id:
            return "stale"
        if not row.is_deleted:
            self.rows[key] = (email, status, at_s, sync_id)
            return "updated"
        if (status, at_s) not in {(old_status, old_at_s), (old_status, None)}:
            self.rows[key] = (old_email, status, old_at_s if at_s is None else at_s, sync_id)
        return "deleted"


def rank(row: Row) -> tuple[bool, int]:
    return row.at_s is not None, row.at_s or 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(syncs=SYNCS)
def test_any_sequence_of_loads_agrees_with_the_model(
    database: DatabaseAddress, syncs: list[tuple[int, list[Row], bool]]
) -> None:
    run(database, "truncate users")
    model = Model()
    for sync_id, rows, is_compared in syncs:
        found = load(
            database,
            USERS,
            rows,
            sync_id=sync_id,
            tombstone_columns=("status",),
            is_compared=is_compared,
        ).counts
        assert {name: getattr(found, name) for name in LoadCounts.__slots__[2:]} == model.load(sync_id, rows)
    stored = run(database, "select external_id, email, status, source_updated_at, sync_id from users")
    assert {
        key: (email, status, None if at is None else (at - EPOCH).seconds, sync_id)
        for key, email, status, at, sync_id in stored
    } == model.rows
