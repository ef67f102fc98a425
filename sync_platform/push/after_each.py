"""The step after each delivered item: a SQL statement or an HTTP call, once, also after a crash.

Seed 000, step 6 ("Replace Me"). A SQL step is done in the transaction that notes it as done, so that it
happens exactly once. An HTTP call is noted after its answer; after a crash in between it is made again with
the same Idempotency-Key. A step that fails leaves its item delivered and is tried again by the next push.
"""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from sync_platform.push.clerk import Clerk
from sync_platform.push.ledger import PushLedger
from sync_platform.push.render import Template
from sync_platform.push.spec import AfterEachSpec
from sync_platform.push.wire import Wire
from sync_platform.vocabulary import PermanentError, SyncPlatformError

_GROUP = 100
_NAMES = ("customer_id", "target", "push_id", "idempotency_key", "status_code")


class AfterEach:
    """Does the step for one item at a time."""

    def __init__(self, spec: AfterEachSpec, clerk: Clerk, wire: Wire) -> None:
        self._spec = spec
        self._clerk = clerk
        self._ledger: PushLedger = clerk.ledger
        self._wire = wire
        self._template = None if spec.http is None else Template(spec.http, _NAMES)

    async def drain(self) -> None:
        """Do what earlier pushes left undone, once for each delivery, with what was delivered then."""
        seen = 0
        while rows := await self._clerk.do(self._ledger.pending_after_each, after=seen, most=_GROUP):
            for row in rows:
                await self.run(row["customer_id"], row["payload"], row["idempotency_key"], row["status_code"])
            seen = rows[-1]["id"]

    async def run(
        self, customer_id: str, payload: str, idempotency_key: str, status_code: int | None
    ) -> None:
        """Do the step for one delivered item; a failure is written down and raised to nobody."""
        values: dict[str, Any] = {
            "customer_id": customer_id,
            "target": self._ledger.target,
            "push_id": self._ledger.push_id,
            "idempotency_key": idempotency_key,
            "status_code": status_code,
        }
        try:
            if self._spec.sql is not None:
                bound = values | {"payload": Jsonb(None, dumps=lambda _: payload)}
                await self._clerk.do(self._ledger.run_after_each, self._spec.sql, bound)
            else:
                await self._call(values)
        except SyncPlatformError as error:
            await self._clerk.do(self._ledger.fail_after_each, idempotency_key, str(error))

    async def _call(self, values: Mapping[str, Any]) -> None:
        if self._spec.http is None or self._template is None:
            return
        item = self._template.render(values)
        body = item.payload if self._spec.http.json_body is not None else b""
        key = f"{values['idempotency_key']}-after"
        outcome = await self._wire.call_after(self._spec.http, self._template.parts(values), body, key)
        if outcome.kind != "delivered":
            raise PermanentError(f"after_each failed: {outcome.reason}. The next push tries it again.")
        await self._clerk.do(self._ledger.finish_after_each, values["idempotency_key"])
