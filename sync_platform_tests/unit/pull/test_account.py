"""The account's sum and the status that follows from it."""

from dataclasses import replace

import pytest

from sync_platform.pull.account import Account, Proof, Status, status_of, summed
from sync_platform.pull.settling import redo_status

ENDS = (
    "inserted",
    "updated",
    "unchanged",
    "stale",
    "duplicate",
    "outside_window",
    "deleted",
    "quarantined",
    "queued",
)
BALANCED = Account(seen=45, **{term: number for number, term in enumerate(ENDS, start=1)})


@pytest.mark.parametrize("term", ENDS)
def test_every_end_of_a_record_counts_in_the_sum(term: str) -> None:
    assert BALANCED.is_balanced
    assert not replace(BALANCED, **{term: 100}).is_balanced


@pytest.mark.parametrize("term", ["pages_queued", "rows_queued_estimate", "expected", "distinct"])
def test_what_was_not_received_is_not_part_of_the_sum(term: str) -> None:
    assert replace(BALANCED, **{term: 7}).is_balanced


def test_processed_is_what_the_table_now_holds() -> None:
    assert BALANCED.records_processed == 1 + 2 + 3


@pytest.mark.parametrize(
    ("account", "proof", "errors", "status"),
    [
        (Account(), "total", 0, "completed"),
        (Account(seen=1, stale=1), "end_signal", 0, "completed"),
        (Account(), "none", 0, "unproven"),
        (Account(pages_queued=1), "none", 1, "completed_with_errors"),
        (Account(), "total", 1, "completed_with_errors"),
        (Account(seen=1, quarantined=1), "total", 0, "completed_with_errors"),
        (Account(seen=1, quarantined=1), "none", 0, "completed_with_errors"),
        (Account(seen=1, queued=1), "total", 0, "completed_with_errors"),
    ],
)
def test_the_status_is_the_worst_that_applies(
    account: Account, proof: Proof, errors: int, status: Status
) -> None:
    assert status_of(account, proof=proof, errors=errors) == status


def test_accounts_are_summed_term_by_term_but_for_what_sources_named() -> None:
    one = Account(seen=3, inserted=2, quarantined=1, expected=3)
    other = Account(seen=2, unchanged=2, expected=2, distinct=2)
    assert summed([one, other]) == Account(seen=5, inserted=2, unchanged=2, quarantined=1, distinct=2)
    assert summed([]) == Account()


@pytest.mark.parametrize(
    ("account", "errors", "status"),
    [
        (Account(), 0, "completed"),
        (Account(seen=1, stale=1), 0, "completed"),
        (Account(seen=1, quarantined=1), 0, "completed_with_errors"),
        (Account(), 1, "completed_with_errors"),
    ],
)
def test_a_retry_or_replay_is_never_unproven(account: Account, errors: int, status: str) -> None:
    assert redo_status(account, errors=errors) == status
