"""Intents: customers whose sending is committed in the ledger and whose request has not gone out yet.

Here belong claiming them, ahead of time where that is safe, giving them back, and the proof that the target
is still this push's. When a request goes out is the sender's business.
"""

import asyncio
from collections import deque

from sync_platform.api.clock import Clock
from sync_platform.push.clerk import Clerk
from sync_platform.push.items import Item
from sync_platform.push.ledger import PushLedger
from sync_platform.push.pace import Pacer
from sync_platform.push.policy import claimable
from sync_platform.push.reception import Reception
from sync_platform.push.spec import ApiPushSpec
from sync_platform.vocabulary import SyncPlatformError

LEASE_S = 1.0
"""For how long a look at the ledger proves that the target is still ours. Who takes a target over from a push
that did not end waits longer than this before the first request."""

_SMALLEST_GROUP, _LARGEST_GROUP = 32, 256


class Intents:
    """The claimed customers of one push, in the order in which they are sent.

    Args:
        spec: the push's YAML.
        clerk: commits intents, on disk before a request goes out.
        pacer: tells how far ahead to claim, and what the ledger must hold others back for.
        reception: tells whether one customer is wanted to probe, or another one for a second opinion.
        up_to: position of the last customer that this push may take.
        clock: measures the lease.
    """

    def __init__(
        self, spec: ApiPushSpec, *, clerk: Clerk, pacer: Pacer, reception: Reception, up_to: int, clock: Clock
    ) -> None:
        self._spec = spec
        self._clerk = clerk
        self._ledger: PushLedger = clerk.ledger
        self._pacer = pacer
        self._reception = reception
        self._statuses = claimable(spec)
        self._up_to = up_to
        self._clock = clock
        self._waiting: deque[Item] = deque()
        self._last_position = 0
        self._is_drained = False
        self._claiming: asyncio.Task[None] | None = None
        self._failure: SyncPlatformError | None = None
        self._confirmed_s = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    async def take(self, *, in_flight: int) -> Item | None:
        """Return the next customer, claiming a group where none is left; None when nobody is due.

        Args:
            in_flight: requests under way.

        Raises:
            LostTargetError: another push took over.
            RetryableError: the database was lost.
        """
        most = self._group(in_flight)
        if not self._waiting:
            await (self._claiming or self._claim(most))
        if self._failure is not None:
            raise self._failure
        item = self._waiting.popleft() if self._waiting else None
        is_low = len(self._waiting) < most // 2 and not self._is_drained
        if self._claiming is None and is_low and self._is_ahead:
            self._claiming = asyncio.create_task(self._claim(most))
        return item

    def put_back(self, item: Item) -> None:
        """Make a customer whose request did not go out the next one again."""
        self._waiting.appendleft(item)

    async def give_back(self) -> None:
        """Take back all intents that no request will follow soon."""
        if self._claiming is not None:
            await self._claiming
        keys = [item.customer_id for item in self._waiting]
        self._waiting.clear()
        if keys:
            await self._clerk.do(self._ledger.release, keys)

    async def suppress(self, item: Item, reason: str) -> None:
        """Note that a customer is not sent to any more, although the turn has come."""
        await self._clerk.do(self._ledger.suppress, item.customer_id, reason)

    async def next_due_s(self) -> float | None:
        """Tell how long until somebody may be tried again; None when nobody waits."""
        return await self._clerk.do(self._ledger.next_due_s, self._statuses)

    @property
    def is_confirmed(self) -> bool:
        """Whether a recent look at the ledger proves that the target is still ours."""
        return self._clock.monotonic_s() - self._confirmed_s < LEASE_S

    async def confirm(self) -> None:
        """Look into the ledger again; a process that was stopped for a while wakes up here.

        Raises:
            LostTargetError: another push took over.
        """
        asked_s = self._clock.monotonic_s()
        if not await self._clerk.do(self._ledger.owns_target):
            raise self._ledger.lost()
        self.note_confirmed(asked_s)

    def note_confirmed(self, at_s: float) -> None:
        """Note that a statement that began at `at_s` found the target ours."""
        self._confirmed_s = max(self._confirmed_s, at_s)

    @property
    def _is_ahead(self) -> bool:
        """Whether groups are claimed while others are sent: never where a kill would park them."""
        return self._reception.is_hurried and self._spec.in_doubt == "resend"

    def _group(self, in_flight: int) -> int:
        if self._reception.is_open:
            return 1
        if self._spec.in_doubt == "park":
            return 1 if self._pacer.is_paced else max(1, self._spec.max_in_flight - in_flight)
        group = min(max(_SMALLEST_GROUP, 8 * self._spec.max_in_flight), _LARGEST_GROUP)
        return self._pacer.claim_size(most=group)

    async def _claim(self, most: int) -> None:
        """Claim up to `most`; a failure is told by the next `take`, because nobody may be waiting now."""
        asked_s = self._clock.monotonic_s()
        try:
            items = await self._clerk.do(
                self._ledger.claim,
                statuses=self._statuses,
                after=self._last_position,
                up_to=self._up_to,
                most=most,
                hold_s=self._pacer.hold_s(asked_s, ahead=most),
                prefers_fresh=self._reception.is_doubtful,
            )
        except SyncPlatformError as error:
            self._failure = error
            return
        finally:
            self._claiming = None
        self.note_confirmed(asked_s)
        self._is_drained = len(items) < most
        self._last_position = max([self._last_position, *(item.position for item in items)])
        self._waiting.extend(items)
