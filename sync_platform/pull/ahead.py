"""Work done ahead: full blocks are normalized and staged while later pages are still being read.

Here belongs what is ready before its step begins, in the memory of this process. The files stay the truth:
a step takes from here only what its own run has made, and makes all else out of the landing zone. So nothing
hangs on this room, and a fault in it is none: the step whose work it was meets it again, and tells it.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sync_platform.pull.land import LandedSync
from sync_platform.pull.load import Begun, begin_load
from sync_platform.pull.makers import BlocksToMake, Maker, maker_for
from sync_platform.pull.normalize import NormalizedBlock
from sync_platform.pull.reports import PullContext
from sync_platform.pull.window import Window
from sync_platform.warehouse.tables import TargetTable

# Their records are kept in memory until their step writes them down.
_MOST_REJECTED = 1_000

_works: "dict[str, WorkAhead]" = {}


class WorkAhead:
    """Normalizes and stages the blocks of one sync while it is read.

    Attributes:
        blocks: what was made of each block, by its number; the rows stand in the landing zone.
    """

    def __init__(self, context: PullContext, landed: LandedSync, window: Window, table: TargetTable) -> None:
        self._context = context
        self._landed = landed
        self._table = table
        self._window = window
        self._blocks_to_make = BlocksToMake(context.landing_url, landed.sync_id, context.spec, window)
        self._maker: Maker | None = None
        self._making = ThreadPoolExecutor(1, thread_name_prefix="normalize")
        self._staging = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._begun: Begun | None = None
        self._rejected = 0
        self._is_given_up = False
        self._pending: list[asyncio.Task[None]] = []
        self.blocks: dict[int, NormalizedBlock] = {}

    def add(self, number: int, *, expected: int | None) -> None:
        """Work on a block that has landed, when its turn comes; only its number waits in memory.

        Args:
            number: the block's.
            expected: the records that the source promises, or None.
        """
        self._pending.append(asyncio.ensure_future(self._try(number, expected)))

    async def catch_up(self) -> None:
        """Wait until all blocks are worked on, or given up."""
        await asyncio.gather(*self._pending)

    async def _try(self, number: int, expected: int | None) -> None:
        try:
            await self._work_on(number, expected)
        except Exception as error:  # noqa: BLE001 -- see the module's docstring: its own step tells of it
            self._is_given_up = True
            self._context.log(f"no block is worked on ahead any more ({type(error).__name__})")
            # What is staged may be half of a block; in the thread that may be using it.
            await asyncio.get_running_loop().run_in_executor(self._staging, self._drop_load)

    def is_of(self, context: PullContext, landed: LandedSync) -> bool:
        """Whether this is the work of that run on that sync."""
        return (context.run_id, landed.sync_id) == (self._context.run_id, self._landed.sync_id)

    def take_load(self) -> Begun | None:
        """Hand over the load that was begun, once; None where there is none. The taker closes it."""
        begun, self._begun = self._begun, None
        return begun

    def rest(self) -> None:
        """The read is over: let go of threads and processes, keep what is ready."""
        self._making.shutdown(cancel_futures=True)
        self._staging.shutdown(cancel_futures=True)
        if self._maker is not None:
            self._maker.close()

    def close(self) -> None:
        """Let go of everything; what was staged is gone."""
        self.rest()
        self._drop_load()

    async def _work_on(self, number: int, expected: int | None) -> None:
        loop = asyncio.get_running_loop()
        block = await loop.run_in_executor(self._making, self._make, number, expected)
        if block is not None:
            self.blocks[number] = block
            await loop.run_in_executor(self._staging, self._stage, number)

    def _make(self, number: int, expected: int | None) -> NormalizedBlock | None:
        """Make a block's rows, unless it was given up, or is now: its rejects would be too many to keep."""
        if self._is_given_up:
            return None
        self._maker = self._maker or maker_for(self._blocks_to_make, expected=expected)
        block = self._maker.make(number)
        self._rejected += len(block.rejected)
        self._is_given_up = self._is_given_up or self._rejected > _MOST_REJECTED
        return None if self._is_given_up else block

    def _stage(self, number: int) -> None:
        self._begun = self._begun or begin_load(
            self._context, self._table, self._landed.sync_id, self._window
        )
        self._begun.take(number, self._landed.rows(number))

    def _drop_load(self) -> None:
        if (begun := self.take_load()) is not None:
            begun.load.close()


@contextmanager
def work_ahead(
    context: PullContext, landed: LandedSync, window: Window, table: TargetTable
) -> Iterator[WorkAhead]:
    """Work ahead while a sync is read; kept for its later steps, or let go where the read fails."""
    source = context.spec.source
    forget_work(source)
    work = _works[source] = WorkAhead(context, landed, window, table)
    try:
        yield work
    except BaseException:  # a cancelled read too leaves no session and no process behind
        forget_work(source)
        raise
    work.rest()


def work_of(context: PullContext, landed: LandedSync) -> WorkAhead | None:
    """What this run has done ahead for a sync, or None. One sync of a source works at a time."""
    work = _works.get(context.spec.source)
    return work if work is not None and work.is_of(context, landed) else None


def forget_work(source: str) -> None:
    """Let go of what is ready for a source; a second time does nothing."""
    if (work := _works.pop(source, None)) is not None:
        work.close()
