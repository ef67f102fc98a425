"""Which outcomes are committed together, and who learns of a commit that failed."""

import asyncio
from collections.abc import Sequence

import pytest

from sync_platform.push.items import Item
from sync_platform.push.ledger import Settlement
from sync_platform.push.outcome import Outcome
from sync_platform.push.policy import Verdict
from sync_platform.push.settling import Settling, settlement_of
from sync_platform.vocabulary import RetryableError


def settlement(customer_id: str) -> Settlement:
    item = Item(customer_id, b"null", None, f"key of {customer_id}", 1, 1, was_in_doubt=False)
    return settlement_of(item, Outcome("delivered", 201), Verdict("delivered"), sent_s=0.1)


class Books:
    """Commits that take a while; the n-th fails where told."""

    def __init__(self, *, failing: int = 0) -> None:
        self.groups: list[list[str]] = []
        self._failing = failing

    async def write(self, settlements: Sequence[Settlement]) -> None:
        self.groups.append([one.customer_id for one in settlements])
        for _ in range(3):
            await asyncio.sleep(0)
        if len(self.groups) == self._failing:
            raise RetryableError("the books are gone")


def test_what_comes_while_a_commit_is_under_way_is_committed_together() -> None:
    books = Books()

    async def settle() -> None:
        settling = Settling(books.write)
        await asyncio.gather(*(settling.settle(settlement(f"c{number}")) for number in range(5)))
        await settling.settle(settlement("last"))

    asyncio.run(settle())
    assert books.groups == [["c0"], ["c1", "c2", "c3", "c4"], ["last"]]


def test_nobody_goes_on_before_the_own_outcome_is_committed() -> None:
    books = Books()
    gone_on: list[tuple[str, int]] = []

    async def one(settling: Settling, customer_id: str) -> None:
        await settling.settle(settlement(customer_id))
        gone_on.append((customer_id, len(books.groups)))

    async def settle() -> None:
        settling = Settling(books.write)
        await asyncio.gather(*(one(settling, f"c{number}") for number in range(3)))

    asyncio.run(settle())
    assert sorted(gone_on) == [("c0", 1), ("c1", 2), ("c2", 2)]


@pytest.mark.parametrize(("failing", "lost"), [(1, ["c0"]), (2, ["c1", "c2"])])
def test_a_commit_that_fails_is_told_to_all_whom_it_was_for_and_to_nobody_else(
    failing: int, lost: list[str]
) -> None:
    books = Books(failing=failing)

    async def settle() -> list[BaseException | None]:
        settling = Settling(books.write)
        tasks = (settling.settle(settlement(f"c{number}")) for number in range(3))
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(settle())
    assert [f"c{n}" for n, error in enumerate(found) if isinstance(error, RetryableError)] == lost
