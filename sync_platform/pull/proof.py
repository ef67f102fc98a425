"""What it takes to say that everything was read. Pure decisions on counts; `read` collects them.

Counting alone is no proof: 30 records deleted and 30 inserted leave the total equal and lose 30 rows to
shifted pages. So a total must hold, and nothing may have changed meanwhile, or a further look finds
nothing unseen (DESIGN 4.3).
"""

from dataclasses import dataclass
from typing import Literal

from sync_platform.pull.account import Proof

Verdict = Literal["proven", "read_again", "unproven"]
MAX_PASSES = 3


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over all pages saw.

    Attributes:
        number: 1 for the first pass.
        total_at_start: the total on the first page, or None when the source names none (or inexact ones).
        total_at_end: the total after the last page was read.
        pages: pages asked for.
        records: records received, repeats included.
        distinct: distinct keys received in this pass.
        unseen: records that no earlier pass had brought, leaving out what changed after the read began.
        changes_meanwhile: what differs between two looks at page 1 and at the latest changes, when the pass
            began and when it ended, or None when the source cannot say. The latest go as far back as an
            incremental sync does (`lag_s`): what is committed late appears with a time that has passed.
        vanished: records that no earlier pass had brought, changed as lately, and stand no more in the last
            look at the latest changes; 0 where the source cannot say. One that came and went within the pass
            takes the place of a missed one in every count.
        failed_pages: pages that could not be read.
        fault: what contradicts itself in the source's answers, or None.
        saw_end: whether the API's own end signal was seen.
        holds_end_by_signal: whether pages follow one another by cursor or link, so that rows cannot shift.
    """

    number: int
    total_at_start: int | None
    total_at_end: int | None
    pages: int
    records: int
    distinct: int
    unseen: int
    changes_meanwhile: int | None
    vanished: int
    failed_pages: int
    fault: str | None
    saw_end: bool
    holds_end_by_signal: bool


def judge(look: Pass) -> tuple[Verdict, Proof, str]:
    """Decide after a pass whether the read is proven, worth another pass, or stays unproven.

    Returns:
        The verdict, the proof that the account names, and the reason in words.
    """
    if look.failed_pages:
        return "unproven", "none", f"{look.failed_pages} pages could not be read and are queued"
    if look.fault is not None:
        return "unproven", "none", look.fault
    if look.total_at_start is None:
        return _judge_end_signal(look)
    if look.total_at_start == 0 and look.records:
        return "unproven", "none", f"the source says 0 records and sent {look.records}"
    return _judge_total(look)


def _judge_total(look: Pass) -> tuple[Verdict, Proof, str]:
    """With a total: it must hold, cover the distinct keys, and nothing may have moved."""
    holds = look.total_at_start == look.total_at_end == look.distinct
    if holds and (look.pages <= 1 or _stood_still(look)):
        return "proven", "total", "the total holds and nothing changed meanwhile"
    if _confirms(look) and (holds or _really_holds_duplicates(look)):
        return "proven", "total", "a further pass found nothing unseen"
    if look.number >= MAX_PASSES:
        return "unproven", "none", _mismatch(look)
    return "read_again", "none", _mismatch(look)


def _stood_still(look: Pass) -> bool:
    """Nothing changed meanwhile, and nothing that came has gone again."""
    return look.changes_meanwhile == 0 and look.vanished == 0


def _confirms(look: Pass) -> bool:
    """A further pass found nothing unseen, nor anything that took a missed one's place."""
    return look.number > 1 and look.unseen == 0 and look.vanished == 0


def _really_holds_duplicates(look: Pass) -> bool:
    """A source that lists a key twice shows the same again: as many records as its total, fewer keys."""
    return look.total_at_start == look.total_at_end == look.records


def _judge_end_signal(look: Pass) -> tuple[Verdict, Proof, str]:
    """Without a total: the API's own end, and for shifting pages a further look that finds nothing."""
    if not look.saw_end:
        return "unproven", "none", "the end of the pages was not seen"
    if look.holds_end_by_signal or look.pages <= 1:
        return "proven", "end_signal", "the API signalled the end"
    if _stood_still(look) or _confirms(look):
        return "proven", "end_signal", "the API signalled the end and nothing moved meanwhile"
    if look.number >= MAX_PASSES:
        return "unproven", "none", f"the source kept changing over {look.number} passes"
    return "read_again", "none", "pages may have shifted while they were read"


def _mismatch(look: Pass) -> str:
    return (
        f"pass {look.number}: total {look.total_at_start} at the start and {look.total_at_end} at the end, "
        f"{look.distinct} distinct records, {look.unseen} not seen before, "
        f"changes meanwhile: {'unknown' if look.changes_meanwhile is None else look.changes_meanwhile}, "
        f"came and gone: {look.vanished}"
    )
