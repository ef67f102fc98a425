"""Many hashes in little memory: the counts are those of a set, wherever they wait."""

import random

import polars as pl
import pyarrow as pa
import pytest

from sync_platform.pull import hashes
from sync_platform.pull.hashes import (
    DistinctKeys,
    Hashes,
    count_distinct,
    difference,
    known_among,
    sorted_union,
)

LOWEST, HIGHEST = -(2**63), 2**63 - 1


def bag_of(values: list[int]) -> Hashes:
    bag = Hashes()
    for start in range(0, len(values), 7):
        bag.add(values[start : start + 7])
    return bag


@pytest.mark.parametrize(("buffered", "at_once"), [(2**16, 2**18), (10, 2**18), (10, 50), (16, 1)])
def test_counts_and_union_are_those_of_a_set(
    monkeypatch: pytest.MonkeyPatch, buffered: int, at_once: int
) -> None:
    monkeypatch.setattr(hashes, "_BUFFERED", buffered)
    monkeypatch.setattr(hashes, "_AT_ONCE", at_once)
    dice = random.Random(7)
    some = [dice.randint(LOWEST, HIGHEST) for _ in range(100)] + [LOWEST, HIGHEST, 0, -1]
    first, second = some + some[:30], [*some[50:], 5, 6, 7]
    bags = [bag_of(first), bag_of(second)]
    assert count_distinct(bags[:1]) == len(set(first))
    assert count_distinct(bags) == len({*first, *second})
    assert sorted_union(bags).to_list() == sorted({*first, *second})
    assert count_distinct(bags) == len({*first, *second}), "counting again counts the same"
    assert difference(*bags).to_list() == sorted({*first} - {*second})
    assert difference(*bags[::-1]).to_list() == [5, 6, 7]
    assert difference(bags[0], Hashes()).to_list() == sorted({*first})
    assert difference(Hashes(), bags[0]).is_empty()


def test_a_slice_of_a_series_brings_its_own_hashes_alone() -> None:
    series, bag = pl.Series("hash", range(100), dtype=pl.Int64), Hashes()
    for part in (
        series.slice(10, 20),
        series.slice(50, 0),
        series.slice(95),
        pl.concat([series[:2], series[4:6]]),
    ):
        bag.add_series(part)
    assert bag.count == 29
    assert sorted_union([bag]).to_list() == [0, 1, 4, 5, *range(10, 30), *range(95, 100)]


def test_a_bag_goes_on_after_it_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_BUFFERED", 10)
    bag = bag_of(list(range(95)))
    assert count_distinct([bag]) == 95
    bag.add(list(range(90, 130)))
    assert count_distinct([bag]) == 130


def test_nothing_is_nothing() -> None:
    assert count_distinct([]) == count_distinct([Hashes()]) == 0
    assert known_among([1, 2], sorted_union([Hashes()])) == [False, False]


def test_what_is_known_is_found_at_both_ends_too() -> None:
    known = sorted_union([bag_of([LOWEST, -5, 3, HIGHEST])])
    asked = [LOWEST, LOWEST + 1, -5, 0, 3, HIGHEST - 1, HIGHEST]
    assert known_among(asked, known) == [True, False, True, False, True, False, True]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.int64()], ids=str)
def test_keys_are_distinct_until_one_comes_again_in_whatever_batch(kind: pa.DataType) -> None:
    def column(*parts: range) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(map(str, part)).cast(kind) for part in parts], kind)

    keys = DistinctKeys()
    assert keys.are_distinct
    for batch in (column(range(5), range(5, 9)), column(), column(range(30, 20, -1))):
        keys.add(batch)
        assert keys.are_distinct
    keys.add(column(range(8, 12)).slice(1))
    assert keys.are_distinct
    keys.add(column(range(29, 31)).slice(1))
    assert not keys.are_distinct


def test_keys_are_told_apart_in_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_BUFFERED", 10)
    monkeypatch.setattr(hashes, "_AT_ONCE", 16)
    keys = DistinctKeys()
    for start in range(0, 100, 8):
        keys.add(pa.chunked_array([pa.array(map(str, range(start, start + 8)))]))
    assert keys.are_distinct
    keys.add(pa.chunked_array([pa.array(["3"])]))
    assert not keys.are_distinct
