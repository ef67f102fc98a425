"""Which campaigns are due to be launched or closed, as tables; the clock is a parameter."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.statements import statement

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHTLY_LEAD_S = 1800


def plan(
    database: DatabaseAddress,
    campaign_id: str,
    status: str,
    starts_at: datetime,
    ends_at: datetime,
    *,
    attempts: int = 0,
    published_at: datetime | None = None,
) -> None:
    with connect(database) as connection:
        connection.execute(
            "insert into campaigns (campaign_id, name, status, starts_at, ends_at, attempts, published_at)"
            " values (%s, 'any', %s, %s, %s, %s, %s)",
            [campaign_id, status, starts_at, ends_at, attempts, published_at],
        )


def due(database: DatabaseAddress, query: str, *, now: datetime = NOW, lead_s: float = 0) -> list[str]:
    with connect(database) as connection:
        rows = connection.execute(statement(f"campaigns/{query}"), {"now": now, "lead_s": lead_s})
        return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("status", "starts_in", "ends_in", "attempts", "is_due"),
    [
        ("draft", -HOUR, HOUR, 0, False),
        ("scheduled", -HOUR, HOUR, 0, True),
        ("scheduled", timedelta(0), HOUR, 0, True),
        ("scheduled", timedelta(microseconds=1), HOUR, 0, False),
        ("scheduled", -HOUR * 1000, HOUR, 0, True),
        ("scheduled", -HOUR, HOUR, 1, True),
        ("launching", -HOUR, HOUR, 1, True),
        ("failed", -HOUR, HOUR, 1, True),
        ("failed", -HOUR * 2, -HOUR, 1, False),
        ("paused", -HOUR, HOUR, 1, False),
        ("live", -HOUR, HOUR, 1, False),
        ("closing", -HOUR, HOUR, 1, False),
        ("closed", -HOUR, HOUR, 1, False),
    ],
)
def test_a_campaign_is_due_to_be_launched_by_status_and_time(
    database: DatabaseAddress,
    *,
    status: str,
    starts_in: timedelta,
    ends_in: timedelta,
    attempts: int,
    is_due: bool,
) -> None:
    plan(database, "one", status, NOW + starts_in, NOW + ends_in, attempts=attempts)

    assert due(database, "active_campaigns") == ["one"] * is_due


def test_every_campaign_that_is_due_is_returned_the_earliest_first(database: DatabaseAddress) -> None:
    for number in (3, 1, 2):
        plan(database, f"c{number}", "scheduled", NOW - HOUR * (4 - number), NOW + HOUR)
    plan(database, "c0", "scheduled", NOW - HOUR * 3, NOW + HOUR)

    assert due(database, "active_campaigns") == ["c0", "c1", "c2", "c3"]


def test_the_nightly_schedule_looks_half_an_hour_ahead_and_the_sensor_does_not(
    database: DatabaseAddress,
) -> None:
    plan(database, "midnight", "scheduled", NOW + timedelta(seconds=NIGHTLY_LEAD_S), NOW + HOUR)

    assert due(database, "active_campaigns") == []
    assert due(database, "active_campaigns", lead_s=NIGHTLY_LEAD_S) == ["midnight"]


def test_what_ended_before_it_could_launch_is_told_as_missed(database: DatabaseAddress) -> None:
    plan(database, "slept-through", "scheduled", NOW - HOUR * 2, NOW)
    plan(database, "paused-and-set-back", "scheduled", NOW - HOUR * 2, NOW, attempts=1)

    with connect(database) as connection:
        rows = connection.execute(statement("campaigns/active_campaigns"), {"now": NOW, "lead_s": 0})
        assert [(row[0], row[-1]) for row in rows] == [("slept-through", True)]


def test_what_was_published_is_not_launched_again_when_somebody_sets_it_back(
    database: DatabaseAddress,
) -> None:
    plan(database, "live-before", "scheduled", NOW - HOUR, NOW + HOUR, attempts=1, published_at=NOW - HOUR)

    assert due(database, "active_campaigns") == []
    assert due(database, "expired_campaigns", now=NOW + HOUR) == ["live-before"]


@pytest.mark.parametrize(
    ("status", "attempts", "is_due"),
    [
        ("draft", 0, False),
        ("scheduled", 0, False),
        ("scheduled", 1, True),
        ("launching", 1, False),
        ("live", 1, True),
        ("failed", 0, False),
        ("failed", 3, True),
        ("paused", 0, False),
        ("paused", 1, True),
        ("closing", 1, True),
        ("closed", 1, False),
    ],
)
def test_an_ended_campaign_is_closed_where_it_has_something_to_take_down(
    database: DatabaseAddress, status: str, attempts: int, is_due: bool
) -> None:
    plan(database, "one", status, NOW - HOUR, NOW, attempts=attempts)

    assert due(database, "expired_campaigns") == ["one"] * is_due
    assert due(database, "expired_campaigns", now=NOW - timedelta(microseconds=1)) == []
