"""Which records of a pass had changed shortly before it began, or since: those may come and go meanwhile.

Here belongs telling them by their change time, in bulk, so that a pass over a million records pays little.
What it proves that one of them is gone again is decided by `proof`.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import compress
from typing import Any

import msgspec

from sync_platform.api.json_path import JsonPath
from sync_platform.pull.normalize import column_of
from sync_platform.pull.times import read_times

_AT_ONCE = 2**13
_SCALARS = frozenset({str, int, float, bool, type(None)})


class RecentKeys:
    """The keys, as hashes, of the records that changed after a moment.

    Args:
        since: the moment.
        path: where the change time stands inside of what is given to `add`; without steps it is that itself.
        time_format: how it is written.
    """

    def __init__(self, since: datetime, path: JsonPath, time_format: str) -> None:
        self._since = since
        self._path = path
        self._format = time_format
        self._waiting_keys: list[int] = []
        self._waiting_changes: list[Any] = []
        self._keys: set[int] = set()

    def add(self, keys: Sequence[int], changes: Sequence[Any]) -> None:
        """Take in the records of a page: each one's key and change, see `identity.Identified`."""
        self._waiting_keys += keys
        self._waiting_changes += changes
        if len(self._waiting_keys) >= _AT_ONCE:
            self._sort_out()

    def without(self, keys: frozenset[int]) -> int:
        """How many of them are none of these keys."""
        self._sort_out()
        return len(self._keys - keys)

    def _sort_out(self) -> None:
        """Keep the recent ones of those that wait; what has no readable time is not one of them."""
        changes = self._waiting_changes
        if self._path.steps:
            changes = [self._path.find(_decoded(change)) for change in changes]
        if not _SCALARS.issuperset(map(type, changes)):
            changes = [change if type(change) in _SCALARS else None for change in changes]
        is_recent = read_times(column_of("changed", changes), self._format) > self._since
        self._keys.update(compress(self._waiting_keys, is_recent.to_list()))
        self._waiting_keys, self._waiting_changes = [], []


def _decoded(member: bytes) -> Any:
    try:
        return msgspec.json.decode(member)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None
