"""The item: one claimed customer with the request that the ledger keeps for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One customer whose intent is committed.

    Attributes:
        customer_id: the key, as text.
        payload: the JSON body, byte for byte as it was planned.
        request: url, params and headers where they are its own; else None.
        idempotency_key: stable for this delivery.
        position: its place in the source's order.
        tries: requests in this push, this one included.
        was_in_doubt: an earlier request may have arrived.
    """

    customer_id: str
    payload: bytes
    request: Mapping[str, Any] | None
    idempotency_key: str
    position: int
    tries: int
    was_in_doubt: bool
