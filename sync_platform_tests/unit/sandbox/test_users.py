"""The sandbox's people: the same story at every start, and one that moves."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_platform.sandbox.users import STATIC_MOMENT, Moment, Population, moment_at

NOW = datetime(2026, 11, 21, 12, 34, 7, tzinfo=UTC)


def people(population: Population, moment: Moment) -> list[dict[str, Any]]:
    ids = population.changed_since(None, moment)
    return [json.loads(population.record(user_id, moment)) for user_id in ids]


def changed(person: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(person["updated_at"])


def test_the_same_seed_tells_the_same_story_and_another_one_another() -> None:
    first = people(Population(50, seed=1), STATIC_MOMENT)

    assert people(Population(50, seed=1), STATIC_MOMENT) == first
    assert people(Population(50, seed=2), STATIC_MOMENT) != first


def test_people_look_like_people() -> None:
    everyone = people(Population(500, seed=1), moment_at(NOW))

    assert [person["id"] for person in everyone] == list(range(1, len(everyone) + 1))
    assert len({person["email"] for person in everyone}) == len(everyone)
    assert all(person["email"].isascii() and person["email"].endswith("@Example.com") for person in everyone)
    assert {person["active"] for person in everyone} == {True, False}
    assert all(person["created_at"] <= person["updated_at"] for person in everyone)
    assert all(changed(person) <= NOW for person in everyone)


def test_nobody_moves_before_2026_and_one_joins_every_hour_after() -> None:
    assert moment_at(datetime(2025, 12, 31, tzinfo=UTC)) == STATIC_MOMENT
    assert moment_at(datetime(2026, 1, 1, 3, 0, 30, tzinfo=UTC)).newcomers == 3


def test_every_minute_finds_three_changes() -> None:
    population = Population(1000, seed=1)

    a_minute_ago, now = moment_at(NOW - timedelta(minutes=1)), moment_at(NOW)

    found = population.changed_since(NOW - timedelta(minutes=1), now)
    assert len(found) == 3
    assert all(
        population.record(user_id, now) != population.record(user_id, a_minute_ago) for user_id in found
    )


@given(
    count=st.integers(1, 60),
    seed=st.integers(0, 5),
    lived_s=st.integers(-10, 4000),
    back_s=st.integers(-20, 70_000_000),
)
@settings(max_examples=200, deadline=None)
def test_the_filter_finds_exactly_those_who_changed_since(
    count: int, seed: int, lived_s: int, back_s: int
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=lived_s)
    since = now - timedelta(seconds=back_s)
    population, moment = Population(count, seed), moment_at(now)

    expected = [person["id"] for person in people(population, moment) if changed(person) >= since]

    assert list(population.changed_since(since, moment)) == expected


@pytest.mark.parametrize("count", [1, 2, 9, 10, 4999, 5000])
def test_every_population_has_everybody_once(count: int) -> None:
    population = Population(count, seed=3)
    early = datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)

    assert population.size(STATIC_MOMENT) == count
    assert len(set(population.changed_since(early, STATIC_MOMENT))) in {count - 1, count}
