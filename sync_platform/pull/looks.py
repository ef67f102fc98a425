"""The looks at page 1 and at the latest changes with which a pass begins and ends.

Here belongs asking for them and comparing them. What a difference proves is decided by `proof`; a look that
fails costs the proof, never the pages that were read.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sync_platform.api.failures import UnauthorizedError
from sync_platform.pull.collect import PassState
from sync_platform.pull.identity import PageRecords
from sync_platform.pull.seen import SeenRecords
from sync_platform.pull.source import Source
from sync_platform.vocabulary import SyncPlatformError

_Answer = TypeVar("_Answer")


class Looks:
    """The looks of one read."""

    def __init__(self, seen: SeenRecords, log: Callable[[str], None]) -> None:
        self._seen = seen
        self._log = log

    async def begin(self, source: Source, state: PassState) -> None:
        """Keep the latest changes as they stand when a pass begins, and watch for more of their age."""
        records = await self._changed_lately(source, state)
        if records is not None:
            state.lately = self._seen.versions(records)
            self._seen.watch(_since(source, state))

    async def end(self, source: Source, state: PassState) -> tuple[int | None, int | None, int]:
        """Look again at the end of a pass.

        Returns:
            The total now, how much differs from the first looks (None where it cannot be said), and how many
            records came and went in between.
        """
        look = await self.answer(source.look())
        lately = await self._changed_lately(source, state)
        total = look[0] if look is not None else None
        vanished = 0 if lately is None else self._seen.vanished(lately)
        if look is None or lately is None or state.lately is None:
            return total, None, vanished
        changed = len(self._seen.versions(lately) ^ state.lately)
        return total, changed + len(self._seen.versions(look[1]) ^ state.at_front), vanished

    async def answer(self, question: Awaitable[_Answer | None]) -> _Answer | None:
        """What the source says about itself, or None: the pages are read, only their proof needs it.

        Raises:
            UnauthorizedError: the credentials are refused; not retryable.
        """
        try:
            return await question
        except UnauthorizedError:
            raise
        except SyncPlatformError as error:
            self._log(f"whether anything changed meanwhile could not be asked: {error}")
            return None

    async def _changed_lately(self, source: Source, state: PassState) -> PageRecords | None:
        return await self.answer(source.changed_lately(_since(source, state)))


def _since(source: Source, state: PassState) -> datetime:
    """The moment from which on a change is one of the latest: as far back as an incremental sync looks."""
    incremental = source.spec.incremental
    return state.started_at - timedelta(seconds=incremental.lag_s if incremental is not None else 0)
