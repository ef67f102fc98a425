"""Many 64-bit hashes in little memory: they wait in a temporary file, and are counted a range at a time.

At five million records a process that keeps them all holds some hundred megabytes; this holds a few.
"""

import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import IO

import polars as pl
import pyarrow as pa

_BUFFERED = 2**16
_AT_ONCE = 2**18
_HASH_BYTES = 8
_LOWEST = -(2**63)
_EMPTY = pl.Series("hash", [], dtype=pl.Int64)


class Hashes:
    """A bag of hashes."""

    def __init__(self) -> None:
        self._buffer = array("q")
        self._file: IO[bytes] | None = None
        self.count = 0

    def add(self, hashes: Sequence[int]) -> None:
        """Take hashes in."""
        self._buffer.extend(hashes)
        self.count += len(hashes)
        if len(self._buffer) >= _BUFFERED:
            self._write()

    def add_series(self, hashes: pl.Series) -> None:
        """Take in a series of hashes, none null; a slice of one too."""
        values = hashes.rechunk().to_arrow()
        content = bytes(values.buffers()[1])
        start = values.offset * _HASH_BYTES
        self.add(array("q", content[start : start + len(values) * _HASH_BYTES]))

    def between(self, first: int, last: int) -> Iterator[pl.Series]:
        """The hashes from first to last, in parts; a repeated one comes as often as it was added."""
        yield from (part.filter(part.is_between(first, last)) for part in self._parts())

    def _parts(self) -> Iterator[pl.Series]:
        yield _series(self._buffer)
        if self._file is not None:
            self._file.seek(0)
            while content := self._file.read(_BUFFERED * _HASH_BYTES):
                yield _series(array("q", content))

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as this bag
            weakref.finalize(self, self._file.close)
        self._file.seek(0, 2)
        self._file.write(self._buffer)
        self._buffer = array("q")


class DistinctKeys:
    """Tells whether of many keys none came twice; a `KeyWatch` of the load."""

    def __init__(self) -> None:
        self._hashes = Hashes()

    def add(self, keys: pa.ChunkedArray) -> None:
        """Take in keys, of one type all the time."""
        self._hashes.add_series(pl.Series(pl.from_arrow(keys)).hash().reinterpret(signed=True))

    @property
    def are_distinct(self) -> bool:
        """Whether as many hashes as keys came; where two different keys share one, it is not sure."""
        return count_distinct([self._hashes]) == self._hashes.count


def count_distinct(bags: Sequence[Hashes]) -> int:
    """Count the distinct hashes in all the bags together."""
    return sum(_together(bags, *limits).n_unique() for limits in _ranges(bags))


def sorted_union(bags: Sequence[Hashes]) -> pl.Series:
    """The distinct hashes of all the bags, in order: eight bytes each."""
    parts = (_together(bags, *limits).unique().sort() for limits in _ranges(bags))
    return pl.concat([_EMPTY, *parts], rechunk=True)


def difference(bag: Hashes, other: Hashes) -> pl.Series:
    """The distinct hashes of one bag that are not in the other, in order: eight bytes each."""
    parts = (
        asked.filter(~asked.is_in(_together([other], *limits).implode())).unique().sort()
        for limits in _ranges([bag, other])
        if not (asked := _together([bag], *limits)).is_empty()
    )
    return pl.concat([_EMPTY, *parts], rechunk=True)


def known_among(hashes: Sequence[int], known: pl.Series) -> list[bool]:
    """Which of the hashes stand in a sorted series; takes hardly longer where that is long."""
    return are_among(pl.Series("hash", hashes, dtype=pl.Int64), known).to_list()


def are_among(hashes: pl.Series, known: pl.Series) -> pl.Series:
    """The same for a series of hashes, as one of booleans."""
    if known.is_empty():
        return pl.repeat(False, len(hashes), dtype=pl.Boolean, eager=True)
    places = known.search_sorted(hashes).clip(0, len(known) - 1)
    return known.gather(places) == hashes


def _ranges(bags: Sequence[Hashes]) -> Iterator[tuple[int, int]]:
    """Ranges of values that hold all the hashes, each about as many as are held at once: first, last."""
    ranges = sum(bag.count for bag in bags) // _AT_ONCE + 1
    width = 2**64 // ranges + 1
    for first in range(_LOWEST, -_LOWEST, width):
        yield first, min(first + width, -_LOWEST) - 1


def _together(bags: Sequence[Hashes], first: int, last: int) -> pl.Series:
    return pl.concat([_EMPTY, *(part for bag in bags for part in bag.between(first, last))])


def _series(hashes: "array[int]") -> pl.Series:
    """The hashes as a polars series, without a copy."""
    if not hashes:
        return _EMPTY
    values = pa.Array.from_buffers(pa.int64(), len(hashes), [None, pa.py_buffer(hashes)])
    return pl.Series("hash", pl.from_arrow(values))
