"""What counts as proof that everything was read: DESIGN 4.3 as a table."""

from dataclasses import replace

import pytest

from sync_platform.pull.account import Proof
from sync_platform.pull.proof import MAX_PASSES, Pass, Verdict, judge

CALM = Pass(
    number=1,
    total_at_start=30,
    total_at_end=30,
    pages=3,
    records=30,
    distinct=30,
    unseen=0,
    changes_meanwhile=0,
    vanished=0,
    failed_pages=0,
    fault=None,
    saw_end=True,
    holds_end_by_signal=False,
)
NO_TOTAL = replace(CALM, total_at_start=None, total_at_end=None, changes_meanwhile=None)
SECOND = replace(CALM, number=2, changes_meanwhile=None)
LAST = replace(CALM, number=MAX_PASSES, changes_meanwhile=None)


@pytest.mark.parametrize(
    ("look", "verdict", "proof"),
    [
        (CALM, "proven", "total"),
        (replace(CALM, total_at_start=0, total_at_end=0, records=0, distinct=0, pages=1), "proven", "total"),
        (replace(CALM, pages=1, changes_meanwhile=None), "proven", "total"),
        (replace(CALM, changes_meanwhile=None), "read_again", "none"),
        (replace(CALM, changes_meanwhile=1), "read_again", "none"),
        (replace(CALM, vanished=1), "read_again", "none"),
        (replace(CALM, total_at_end=29), "read_again", "none"),
        (replace(CALM, total_at_end=None), "read_again", "none"),
        (replace(CALM, distinct=29), "read_again", "none"),
        (replace(CALM, distinct=31, records=31), "read_again", "none"),
        (replace(CALM, pages=1, distinct=29), "read_again", "none"),
        (SECOND, "proven", "total"),
        (replace(SECOND, changes_meanwhile=5), "proven", "total"),
        (replace(SECOND, unseen=1), "read_again", "none"),
        (replace(SECOND, vanished=1), "read_again", "none"),
        (replace(SECOND, distinct=28, records=30, vanished=1), "read_again", "none"),
        (replace(SECOND, total_at_end=29), "read_again", "none"),
        (replace(SECOND, distinct=28, records=30), "proven", "total"),
        (replace(SECOND, distinct=28, records=29), "read_again", "none"),
        (replace(SECOND, unseen=1, changes_meanwhile=0), "proven", "total"),
        (LAST, "proven", "total"),
        (replace(LAST, unseen=1), "unproven", "none"),
        (replace(LAST, vanished=1), "unproven", "none"),
        (replace(LAST, total_at_end=31), "unproven", "none"),
        (replace(CALM, failed_pages=1), "unproven", "none"),
        (replace(NO_TOTAL, failed_pages=1, holds_end_by_signal=True), "unproven", "none"),
        (replace(CALM, fault="total (total) is negative"), "unproven", "none"),
        (replace(CALM, total_at_start=0, total_at_end=0), "unproven", "none"),
        (replace(NO_TOTAL, holds_end_by_signal=True), "proven", "end_signal"),
        (replace(NO_TOTAL, holds_end_by_signal=True, saw_end=False), "unproven", "none"),
        (replace(NO_TOTAL, pages=1), "proven", "end_signal"),
        (NO_TOTAL, "read_again", "none"),
        (replace(NO_TOTAL, changes_meanwhile=0), "proven", "end_signal"),
        (replace(NO_TOTAL, changes_meanwhile=0, vanished=1), "read_again", "none"),
        (replace(NO_TOTAL, number=2), "proven", "end_signal"),
        (replace(NO_TOTAL, number=2, unseen=1), "read_again", "none"),
        (replace(NO_TOTAL, number=MAX_PASSES, unseen=1), "unproven", "none"),
    ],
)
def test_a_pass_is_judged(look: Pass, verdict: Verdict, proof: Proof) -> None:
    judged = judge(look)
    assert judged[:2] == (verdict, proof)
    assert judged[2]


def test_counting_alone_is_no_proof() -> None:
    thirty_gone_thirty_new = replace(CALM, changes_meanwhile=30)
    assert judge(thirty_gone_thirty_new)[0] == "read_again"
