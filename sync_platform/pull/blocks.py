"""Gathers pages into landed blocks while others are still being read.

A block is written in a thread, so that reading goes on meanwhile; at most two wait to be written, so that
memory holds however fast the source is.
"""

import asyncio
from dataclasses import dataclass, field

from sync_platform.pull.ahead import WorkAhead
from sync_platform.pull.land import LandedPage, LandedSync
from sync_platform.pull.progress import ProgressEvent, post

_MAX_BLOCK_BYTES = 16 * 2**20


@dataclass(slots=True)
class BlockWriter:
    """Lands the pages of one sync.

    Attributes:
        landed: the sync's folder.
        source: the noun, for progress.
        batch_size: records a block.
        ahead: works on full blocks at once; what is left at the end is little, and waits for its step.
        expected: the source's total, once it is known; nothing is decided by it but how the work is spread.
    """

    landed: LandedSync
    source: str
    batch_size: int
    ahead: WorkAhead
    expected: int | None = None
    pages: int = 0
    records: int = 0
    body_bytes: int = 0
    blocks: int = 0
    _waiting: list[LandedPage] = field(default_factory=list)
    _waiting_records: int = 0
    _waiting_bytes: int = 0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def add(self, page: LandedPage, records: int) -> None:
        """Take a page; a full block is written before this returns."""
        self._waiting.append(page)
        self._waiting_records += records
        self._waiting_bytes += len(page.body)
        if self._waiting_records >= self.batch_size or self._waiting_bytes >= _MAX_BLOCK_BYTES:
            await self._write(is_last=False)

    async def finish(self) -> None:
        """Write what is left, and let the work ahead catch up."""
        if self._waiting:
            await self._write(is_last=True)
        await self.ahead.catch_up()

    async def _write(self, *, is_last: bool) -> None:
        pages, self._waiting = self._waiting, []
        self.blocks += 1
        self.pages += len(pages)
        self.records += self._waiting_records
        self.body_bytes += self._waiting_bytes
        self._waiting_records = self._waiting_bytes = 0
        block = self.blocks
        async with self._slots:
            await asyncio.to_thread(self.landed.write_pages, block, pages)
        if not is_last:
            self.ahead.add(block, expected=self.expected)
        post(self._event(block, is_last=is_last))

    def _event(self, block: int, *, is_last: bool) -> ProgressEvent:
        total = max(-(-self.expected // self.batch_size), block) if self.expected else None
        percent = min(100.0, 100 * self.records / self.expected) if self.expected else None
        return ProgressEvent(
            source=self.source,
            step="read",
            batch_num=block,
            total_batches=total,
            percent=percent,
            records=self.records,
            pages=self.pages,
            is_last=is_last or self.records == self.expected,
        )
