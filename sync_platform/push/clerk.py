"""The clerk: a ledger and the one thread that may use it, for callers on an event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from sync_platform.push.ledger import PushLedger

P = ParamSpec("P")
R = TypeVar("R")


class Clerk:
    """Lets a blocking ledger work beside the event loop, one call after the other; a context manager.

    Args:
        ledger: whose calls are made.
        is_alone: make them on the loop itself, where nothing else has to go on meanwhile; the way through a
            thread and back costs as much as a small statement.
    """

    def __init__(self, ledger: PushLedger, *, is_alone: bool = False) -> None:
        self.ledger = ledger
        self._is_alone = is_alone
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="push-ledger")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    async def do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one call of the ledger and return what it returns, or raise what it raises."""
        if self._is_alone:
            return work(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *args, **kwargs))
