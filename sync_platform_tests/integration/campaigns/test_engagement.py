"""Engagement events: partitions that open and close under writers, and metrics that count each event once."""

import threading
from typing import Any

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.statements import statement
from sync_platform_tests.postgres import run

ODD = 'it\'s "odd" %s; drop table campaigns'
LONG = "c" * 300


def step(database: DatabaseAddress, name: str, **values: object) -> Any:
    with connect(database) as connection:
        row = connection.execute(statement(f"campaigns/{name}"), values).fetchone()
    return row[0] if row else None


def happen(database: DatabaseAddress, campaign_id: str, *events: str, value: float | None = None) -> None:
    with connect(database) as connection:
        for number, event in enumerate(events):
            connection.execute(
                "insert into campaign_engagement values (%s, %s, %s, now(), %s)",
                [campaign_id, str(number), event, value],
            )


def metrics(database: DatabaseAddress, campaign_id: str) -> tuple[Any, ...]:
    with connect(database) as connection:
        row = connection.execute(
            "select events, customers, by_event, value, late_events from campaign_results"
            " where campaign_id = %s",
            [campaign_id],
        ).fetchone()
    assert row is not None
    return row


def in_default(database: DatabaseAddress) -> int:
    count: int = run(database, "select count(*) from campaign_engagement_default")[0][0]
    return count


@pytest.mark.parametrize("campaign_id", ["spring", ODD, LONG])
def test_any_id_gets_a_partition_of_its_own_once(database: DatabaseAddress, campaign_id: str) -> None:
    first = step(database, "open_metric_tables", campaign_id=campaign_id)
    again = step(database, "open_metric_tables", campaign_id=campaign_id)
    happen(database, campaign_id, "view")

    assert first == again
    assert first.startswith("campaign_engagement_")
    assert in_default(database) == 0


def test_events_that_came_before_the_launch_move_into_the_partition(database: DatabaseAddress) -> None:
    happen(database, "spring", "view", "click")
    happen(database, "summer", "view")

    step(database, "open_metric_tables", campaign_id="spring")

    assert in_default(database) == 1


def test_metrics_count_every_event_once_however_often_they_are_asked(database: DatabaseAddress) -> None:
    step(database, "open_metric_tables", campaign_id="spring")
    happen(database, "spring", "view", "click", "view", value=2.5)

    for _ in range(2):
        step(database, "aggregate_metrics", campaign_id="spring")

    assert metrics(database, "spring") == (3, 3, {"view": 2, "click": 1}, 7.5, 0)


def test_metrics_count_a_campaign_whose_partition_never_opened(database: DatabaseAddress) -> None:
    happen(database, "spring", "view", "click")

    step(database, "aggregate_metrics", campaign_id="spring")
    happen(database, "spring", "late")

    assert metrics(database, "spring") == (2, 2, {"view": 1, "click": 1}, 0, 1)


def test_a_campaign_without_any_event_has_a_row_of_zeros(database: DatabaseAddress) -> None:
    step(database, "aggregate_metrics", campaign_id="quiet")

    assert metrics(database, "quiet") == (0, 0, {}, 0, 0)


@pytest.mark.parametrize("drop", [False, True])
def test_what_comes_between_count_and_detaching_is_counted_and_later_is_late(
    database: DatabaseAddress, drop: bool
) -> None:
    partition = step(database, "open_metric_tables", campaign_id="spring")
    happen(database, "spring", "view")
    step(database, "aggregate_metrics", campaign_id="spring")
    happen(database, "spring", "between")

    closed = [step(database, "cleanup", campaign_id="spring", drop_engagement=drop) for _ in range(2)]
    happen(database, "spring", "late", "late")
    step(database, "aggregate_metrics", campaign_id="spring")

    assert closed == [partition, None]
    assert metrics(database, "spring") == (2, 1, {"view": 1, "between": 1}, 0, 2)
    with connect(database) as connection:
        is_there = connection.execute("select to_regclass(%s) is not null", [partition]).fetchone()
    assert is_there == (not drop,)


def test_a_writer_in_the_middle_of_its_transaction_loses_nothing(database: DatabaseAddress) -> None:
    step(database, "open_metric_tables", campaign_id="spring")
    closed: list[Any] = []
    closing = threading.Thread(
        target=lambda: closed.append(step(database, "cleanup", campaign_id="spring", drop_engagement=False))
    )
    with connect(database) as writer:
        writer.execute("insert into campaign_engagement values ('spring', '1', 'view', now(), null)")
        closing.start()
        # The close waits for this transaction: the lock that it wants is seen to be asked for.
        _wait_for_a_waiter(database)
        writer.execute("insert into campaign_engagement values ('spring', '2', 'view', now(), null)")
        writer.commit()
    closing.join(10)

    assert closed
    assert metrics(database, "spring")[0] == 2


def _wait_for_a_waiter(database: DatabaseAddress) -> None:
    with connect(database, autocommit=True) as watcher:
        for _ in range(2000):
            row = watcher.execute("select count(*) from pg_locks where not granted").fetchone()
            if row is not None and row[0]:
                return
            watcher.execute("select pg_sleep(0.005)")
    raise AssertionError("nobody waited for the writer")


def test_a_suppressed_customer_is_told_with_the_reason_until_it_ends(database: DatabaseAddress) -> None:
    run(
        database,
        "insert into customer_suppressions values ('1', 'unsubscribed', null), ('1', 'complaint', now()),"
        " ('2', 'holiday', now() - interval '1 s'), ('3', 'holiday', now() + interval '1 h')",
    )

    found = [step(database, "is_suppressed", customer_id=str(number)) for number in (1, 2, 3, 4)]

    assert found == ["unsubscribed", None, "holiday", None]


def test_the_example_campaigns_are_planned_once(database: DatabaseAddress) -> None:
    run(
        database,
        "insert into users select n::text, 'a@example.com', 'A', 'active', '{}', now(), now(), 1"
        " from generate_series(1, 150) as n",
    )
    for _ in range(2):
        with connect(database) as connection:
            connection.execute(
                statement("campaigns/plan_examples"),
                {"now": run(database, "select now()")[0][0]},
            )

    assert run(database, "select campaign_id, status from campaigns order by starts_at") == [
        ("winter-farewell", "live"),
        ("spring-sale", "scheduled"),
        ("summer-preview", "scheduled"),
    ]
    assert run(database, "select event, count(*) from campaign_engagement group by 1 order by 2") == [
        ("order", 10),
        ("click", 33),
        ("view", 100),
    ]
