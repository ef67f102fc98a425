"""The matrix: whole, without repeats of a cell, and divisible into parts."""

from collections import Counter

import pytest

from sync_platform_tests.benchmarks.matrix import (
    DLT_PEERS,
    LIMIT,
    MANY_USERS,
    OURS,
    PEER_USERS,
    ROW_LOOP,
    SYSTEMS,
    Case,
    chosen,
    full_matrix,
    guard_matrix,
    quick_matrix,
    repeated,
)


@pytest.mark.parametrize(
    "cases", [full_matrix(), quick_matrix(), guard_matrix()], ids=["full", "quick", "guard"]
)
def test_no_cell_is_measured_by_two_cases(cases: list[Case]) -> None:
    cells = Counter((one.system, one.users, one.page_size, one.latency_ms) for one in cases)

    assert cells.most_common(1)[0][1] == 1


@pytest.mark.parametrize("cases", [full_matrix(), quick_matrix()], ids=["full", "quick"])
def test_every_system_is_measured(cases: list[Case]) -> None:
    assert {case.system for case in cases} == set(SYSTEMS)


def test_ours_is_measured_wherever_another_is() -> None:
    others = {(one.users, one.page_size, one.latency_ms) for one in full_matrix() if one.system != LIMIT}
    ours = {(one.users, one.page_size, one.latency_ms) for one in full_matrix() if one.system == OURS}

    assert others == ours


def test_the_guard_installs_no_peer() -> None:
    assert not {case.system for case in guard_matrix()} & set(DLT_PEERS)


def test_a_part_is_chosen_by_any_of_the_values_of_each_attribute() -> None:
    part = chosen(full_matrix(), system=(LIMIT, ROW_LOOP), users=(PEER_USERS, MANY_USERS), latency_ms=(20,))

    assert [(case.system, case.users, case.latency_ms) for case in part] == [
        (LIMIT, PEER_USERS, 0),  # it reads no source, so it belongs to every latency
        (LIMIT, MANY_USERS, 0),
        (ROW_LOOP, PEER_USERS, 20),
    ]


def test_a_part_without_values_is_the_whole() -> None:
    assert chosen(full_matrix(), system=(), users=()) == full_matrix()


def test_repeats_can_be_set_for_all() -> None:
    assert {case.repeats for case in repeated(full_matrix(), 7)} == {7}
    assert repeated(full_matrix(), None) == full_matrix()
