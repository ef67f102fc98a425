"""Which records of a pass had changed shortly before it began, or since: those may come and go meanwhile.

Here belongs telling them by their change time, in bulk, so that a pass over a million records pays little.
What it proves that one of them is gone again is decided by `proof`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from sync_platform.api.json_path import JsonPath, Missing
from sync_platform.pull.normalize import column_of
from sync_platform.pull.times import read_times

_AT_ONCE = 2**13


class RecentKeys:
    """The keys, as hashes, of the records that changed after a moment.

    Args:
        since: the moment.
        path: where the change time stands inside the member of the record that is given to `add`.
        time_format: how it is written.
    """

    def __init__(self, since: datetime, path: JsonPath, time_format: str) -> None:
        self._since = since
        self._path = path
        self._format = time_format
        self._waiting: list[tuple[int, bytes]] = []
        self._keys: set[int] = set()

    def add(self, keys: Sequence[int], members: Sequence[bytes]) -> None:
        """Take in the records of a page: each one's key, and the JSON of the member with its change time."""
        self._waiting.extend(zip(keys, members, strict=True))
        if len(self._waiting) >= _AT_ONCE:
            self._sort_out()

    def without(self, keys: frozenset[int]) -> int:
        """How many of them are none of these keys."""
        self._sort_out()
        return len(self._keys - keys)

    def _sort_out(self) -> None:
        """Keep the recent ones of those that wait; what has no readable time is not one of them."""
        times = read_times(
            column_of("changed", [self._scalar(member) for _, member in self._waiting]), self._format
        )
        is_recent = (times > self._since).to_list()
        self._keys.update(key for (key, _), recent in zip(self._waiting, is_recent, strict=True) if recent)
        self._waiting.clear()

    def _scalar(self, member: bytes) -> object:
        try:
            value = self._path.find(msgspec.json.decode(member))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return None if isinstance(value, Missing | list | dict) else value
