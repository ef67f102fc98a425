"""Settling: outcomes are committed in groups, each before its place is given to the next request.

Here belongs only who waits for which commit: while one is under way, the outcomes that come meanwhile gather
for the next one. What is written is the ledger's business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sync_platform.push.items import Item
from sync_platform.push.ledger import Settlement
from sync_platform.push.outcome import Outcome
from sync_platform.push.policy import Verdict

Write = Callable[[Sequence[Settlement]], Awaitable[None]]


@dataclass(slots=True)
class _Group:
    """Outcomes that wait for one commit together."""

    settlements: list[Settlement] = field(default_factory=list)
    is_written: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None


class Settling:
    """Commits outcomes; `write` does one commit."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._gathering = _Group()
        self._writing: asyncio.Task[None] | None = None
        self._is_writing = False

    async def settle(self, settlement: Settlement) -> None:
        """Commit one outcome, together with all that came while the commit before it was under way.

        Raises:
            SyncPlatformError: the books could not be written.
        """
        group = self._gathering
        group.settlements.append(settlement)
        if self._is_writing:
            await group.is_written.wait()
        else:
            await self._write_group()
        if group.error is not None:
            raise group.error

    async def _write_group(self) -> None:
        self._is_writing = True
        group, self._gathering = self._gathering, _Group()
        try:
            await self._write(group.settlements)
        except Exception as error:  # noqa: BLE001 - whoever waits for this commit raises it
            group.error = error
        group.is_written.set()
        if self._gathering.settlements:
            self._writing = asyncio.create_task(self._write_group())
        else:
            self._is_writing = False


def settlement_of(item: Item, outcome: Outcome, verdict: Verdict, *, sent_s: float) -> Settlement:
    """Return what is to be written of one request.

    Args:
        item: whose.
        outcome: what became of it.
        verdict: what follows.
        sent_s: seconds since the request began.
    """
    return Settlement(
        customer_id=item.customer_id,
        outcome=outcome.kind,
        status=verdict.status,
        status_code=outcome.status_code,
        error=outcome.reason,
        retry_s=verdict.retry_s,
        is_untried=verdict.is_untried,
        is_undoubted=outcome.is_undoubted,
        sent_s=sent_s,
        seconds=sent_s,
    )
