"""What is measured: the systems, and the cases of the full, the quick and the guarding run.

Pure: it only says what to do. A case is a system, a size and a source; its scenarios follow one another on
one database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync_platform_tests.benchmarks.figures import CHANGED, FIRST, NOTHING_NEW, UNCHANGED

LIMIT, OURS, OURS_32, ROW_LOOP = "limit", "ours", "ours-32", "row-loop"
DLT_PREFIX = "dlt-"
SYSTEMS = {
    LIMIT: "the limit: COPY and merge of rows in memory",
    OURS: "sync_platform",
    OURS_32: "sync_platform, 32 in flight",
    "dlt-arrow-blocks": "dlt, Arrow, tuned by hand",
    "dlt-arrow": "dlt, Arrow resource",
    "dlt-workers": "dlt, parallel workers",
    "dlt-default": "dlt, default",
    ROW_LOOP: "low-code loop, one upsert a row",
}
DLT_PEERS = tuple(name for name in SYSTEMS if name.startswith(DLT_PREFIX))
PEER_USERS, MANY_USERS = 100_000, 1_000_000
CURVE_USERS = (10_000, PEER_USERS, MANY_USERS, 5_000_000)
QUICK_USERS, GUARD_USERS = 10_000, 20_000
PAGE, LARGE_PAGE, LATE_MS = 100, 1000, 20
_ALL = (FIRST, UNCHANGED, CHANGED)


@dataclass(frozen=True, slots=True)
class Case:
    """One system on one source.

    Attributes:
        system: a key of SYSTEMS.
        users: people at the source.
        page_size: rows a page; 0 for the limit.
        latency_ms: how late the source answers.
        repeats: how often it is measured, each time on an empty database.
        scenarios: what each repeat measures, in this order.
    """

    system: str
    users: int
    page_size: int = PAGE
    latency_ms: int = 0
    repeats: int = 3
    scenarios: tuple[str, ...] = _ALL


def full_matrix() -> list[Case]:
    """The whole matrix, about an hour: peers at 100 k users, the limit and ours at 1 M too, ours at 5 M."""
    return [
        *(Case(LIMIT, users, page_size=0) for users in (PEER_USERS, MANY_USERS)),
        *(
            Case(OURS, PEER_USERS, page_size, late_ms, scenarios=(*_ALL, NOTHING_NEW))
            for page_size in (PAGE, LARGE_PAGE)
            for late_ms in (0, LATE_MS)
        ),
        *(Case(name, PEER_USERS, PAGE, late_ms) for name in DLT_PEERS for late_ms in (0, LATE_MS)),
        *(Case(ROW_LOOP, PEER_USERS, PAGE, late_ms, repeats=1) for late_ms in (0, LATE_MS)),
        *(
            Case(OURS, MANY_USERS, page_size, scenarios=(*_ALL, NOTHING_NEW))
            for page_size in (PAGE, LARGE_PAGE)
        ),
        *(Case(OURS, MANY_USERS, page_size, LATE_MS, repeats=1) for page_size in (PAGE, LARGE_PAGE)),
        Case(OURS_32, MANY_USERS, PAGE, LATE_MS, repeats=1, scenarios=(FIRST, UNCHANGED)),
        Case(OURS, CURVE_USERS[0]),
        *guard_matrix(),
        Case(OURS, CURVE_USERS[-1], repeats=1, scenarios=(FIRST, UNCHANGED)),
    ]


def quick_matrix() -> list[Case]:
    """Every system once on few users, about two minutes: it shows that all of it works."""
    return [
        Case(LIMIT, QUICK_USERS, page_size=0, repeats=1),
        Case(OURS, QUICK_USERS, repeats=1, scenarios=(*_ALL, NOTHING_NEW)),
        Case(OURS_32, QUICK_USERS, PAGE, LATE_MS, repeats=1, scenarios=(FIRST,)),
        *(Case(name, QUICK_USERS, repeats=1, scenarios=(FIRST, UNCHANGED)) for name in DLT_PEERS),
        Case(ROW_LOOP, QUICK_USERS, repeats=1, scenarios=(FIRST,)),
    ]


def guard_matrix() -> list[Case]:
    """What `targets.gross_regressions` compares: a minute, and no peer has to be installed."""
    return [
        Case(LIMIT, GUARD_USERS, page_size=0, scenarios=(FIRST, UNCHANGED)),
        Case(OURS, GUARD_USERS, repeats=2, scenarios=(FIRST, UNCHANGED)),
        Case(ROW_LOOP, GUARD_USERS, repeats=1, scenarios=(FIRST,)),
    ]


def chosen(cases: Sequence[Case], **wanted: Sequence[object]) -> list[Case]:
    """Keep the cases that have, for each attribute named, one of the values given; no value wants any.

    The limit reads no pages, so it is kept whatever page size or latency is wanted.
    """
    return [case for case in cases if all(_fits(case, name, values) for name, values in wanted.items())]


def repeated(cases: Sequence[Case], repeats: int | None) -> list[Case]:
    """Have all cases repeated so often; None leaves them as they are."""
    return [case if repeats is None else replace(case, repeats=repeats) for case in cases]


def _fits(case: Case, name: str, values: Sequence[object]) -> bool:
    is_of_no_source = case.system == LIMIT and name in {"page_size", "latency_ms"}
    return not values or is_of_no_source or getattr(case, name) in values
