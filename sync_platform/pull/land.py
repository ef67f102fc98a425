"""The landing zone: every page as it was received, and the rows made of it, as files.

Layout: `<landing>/<source>/<sync_id>/` holds `pages-00001.arrow` (one row a page: number, request, body),
`rows-00001.arrow` (one row a record, see `normalize`), `read.json` and `normalized.json`. A manifest is
written last: a folder without `read.json` is a sync that died while reading. Which syncs are kept, and
for whom, is decided by `sync`.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import polars as pl
import pyarrow as pa
from pyarrow import ipc
from upath import UPath

from sync_platform.pull.account import Proof
from sync_platform.pull.watermark import Position
from sync_platform.pull.window import SyncType, Window
from sync_platform.vocabulary import PermanentError

_PAGES_SCHEMA = pa.schema(
    {"page": pa.int32(), "request": pa.binary(), "body": pa.large_binary(), "is_excerpt": pa.bool_()}
)
# Blocks pass through Arrow all the time, and its usual allocator keeps 50 MB more of them than this one.
with suppress(NotImplementedError):
    pa.set_memory_pool(pa.jemalloc_memory_pool())

_COMPRESSED = ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_IN_THIS_THREAD = ipc.IpcReadOptions(use_threads=False)


@dataclass(frozen=True, slots=True)
class LandedPage:
    """One page as it was received.

    Attributes:
        number: its number in the read order, starting at 1.
        request: what was asked, as JSON, without secrets.
        body: the reply's body.
        is_excerpt: whether the body is only the array of the records that a further pass brought new.
    """

    number: int
    request: bytes
    body: bytes
    is_excerpt: bool = False


class ReadManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync has read; written when the last page has landed. Times are UTC.

    Attributes:
        pages: pages landed.
        records: records in them.
        blocks: files that hold them.
        source_clock_at: the source's clock when the read began.
        errors: `{page, error, timestamp}`, one a page that could not be read.
        proof: what shows that everything was read.
        proof_reason: the same in words.
        token: what the source was asked with, for sources that hand one over.
        next_token: what it handed over at the end, which starts the next sync.
    """

    sync_id: int
    source: str
    sync_type: SyncType
    since: Position | None
    until: Position | None
    first_day: date | None
    last_day: date | None
    started_at: datetime
    source_clock_at: datetime
    pages: int
    records: int
    body_bytes: int
    blocks: int
    expected: int | None
    distinct: int
    proof: Proof
    proof_reason: str
    pages_queued: int
    rows_queued_estimate: int
    errors: tuple[dict[str, Any], ...]
    token: str | None = None
    next_token: str | None = None

    @property
    def window(self) -> Window:
        """The window that was read."""
        return Window(self.sync_type, self.since, self.until, self.first_day, self.last_day, self.token)

    def is_labelled(self, days: tuple[date, date] | None) -> bool:
        """Whether the sync is labelled with one of these days (first and last, inclusive)."""
        if days is None or self.first_day is None or self.last_day is None:
            return days is None and self.first_day is None
        return self.first_day <= days[1] and days[0] <= self.last_day


class NormalizedManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the normalize step made of a landed sync; `quarantine_ids` are the rows in sync_quarantine."""

    blocks: int
    rows: int
    quarantined: int
    outside_window: int
    newest_change_at: Position | None
    quarantine_reasons: dict[str, int]
    quarantine_ids: tuple[int, ...] = ()


_Manifest = TypeVar("_Manifest", ReadManifest, NormalizedManifest)


class LandedSync:
    """The folder of one sync."""

    def __init__(self, folder: UPath) -> None:
        self.folder = folder

    @property
    def sync_id(self) -> int:
        """The sync's id, which is the folder's name."""
        return int(self.folder.name)

    def write_pages(self, block: int, pages: Sequence[LandedPage]) -> None:
        """Land a block of pages; the file appears whole or not at all."""
        columns = {
            "page": [page.number for page in pages],
            "request": [page.request for page in pages],
            "body": [page.body for page in pages],
            "is_excerpt": [page.is_excerpt for page in pages],
        }
        self._write_table(_pages_name(block), pa.table(columns, schema=_PAGES_SCHEMA))

    def write_rows(self, block: int, rows: pl.DataFrame) -> None:
        """Write the rows made of a block of pages, replacing what an earlier run made."""
        self._write_table(_rows_name(block), to_arrow(rows))

    def pages(self, block: int) -> Iterator[LandedPage]:
        """The pages of a block, in the order in which they landed."""
        columns = self._read_table(_pages_name(block)).select(_PAGES_SCHEMA.names).columns
        yield from map(LandedPage, *(column.to_pylist() for column in columns))

    def rows(self, block: int) -> pa.Table:
        """The rows of a block, in the types that the bulk load stages."""
        return self._read_table(_rows_name(block))

    @cached_property
    def read_manifest(self) -> ReadManifest:
        """What was read."""
        return self._manifest("read.json", ReadManifest)

    @property
    def normalized_manifest(self) -> NormalizedManifest:
        """What was normalized."""
        return self._manifest("normalized.json", NormalizedManifest)

    @property
    def is_read(self) -> bool:
        """Whether the read came to its end."""
        return bool((self.folder / "read.json").exists())

    @property
    def is_normalized(self) -> bool:
        """Whether the rows are complete."""
        return bool((self.folder / "normalized.json").exists())

    def write_manifest(self, manifest: ReadManifest | NormalizedManifest) -> None:
        """Declare a step finished."""
        name = "read.json" if isinstance(manifest, ReadManifest) else "normalized.json"
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._write_whole(name, text)

    def forget_rows(self, *, but: Collection[int] = ()) -> None:
        """Take back an earlier normalization, finished or not, before a new one begins.

        The rows of the blocks `but` stay.
        """
        self.forget_drafts()
        kept = {_rows_name(block) for block in but}
        for path in (*self.folder.glob("normalized.json"), *self.folder.glob("rows-*.arrow")):
            if path.name not in kept:
                path.unlink()

    def forget_drafts(self) -> None:
        """Remove files that were not written to their end, because their writer was killed."""
        for path in self.folder.iterdir():
            if path.name.startswith("."):
                path.unlink()

    def remove(self) -> None:
        """Delete the folder; a second time does nothing."""
        for path in self.folder.glob("*"):
            path.unlink()
        if self.folder.exists():
            self.folder.rmdir()

    def _manifest(self, name: str, kind: type[_Manifest]) -> _Manifest:
        try:
            return msgspec.json.decode((self.folder / name).read_bytes(), type=kind)
        except FileNotFoundError:
            raise PermanentError(
                f"sync {self.sync_id} has no {name} in its landing folder: run the step before this one first"
            ) from None

    def _read_table(self, name: str) -> pa.Table:
        path = self.folder / name
        # Arrow itself reads a local file with fewer copies than through Python.
        with pa.OSFile(str(path)) if is_local(path) else path.open("rb") as file:
            return ipc.open_file(file, options=_IN_THIS_THREAD).read_all()

    def _make_folder(self) -> None:
        """Make the folder; what stands in it are customers' records, so only the owner may look."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)

    def _write_table(self, name: str, table: pa.Table) -> None:
        self._make_folder()
        if is_local(self.folder):
            unfinished = self.folder / f".{name}"
            _write_file(unfinished, table)
            unfinished.rename(self.folder / name)
            return
        _write_file(self.folder / name, table)  # an object store shows it only when it is whole

    def _write_whole(self, name: str, content: bytes) -> None:
        self._make_folder()
        if is_local(self.folder):
            unfinished = self.folder / f".{name}"
            unfinished.write_bytes(content)
            unfinished.rename(self.folder / name)
            return
        (self.folder / name).write_bytes(content)


class Landing:
    """All the landed syncs of one source."""

    def __init__(self, landing_url: str, source: str) -> None:
        self._folder = UPath(landing_url) / source

    def sync(self, sync_id: int) -> LandedSync:
        """The folder of a sync, which may not exist yet."""
        return LandedSync(self._folder / str(sync_id))

    def syncs(self) -> list[LandedSync]:
        """Every landed sync, oldest first."""
        if not self._folder.exists():
            return []
        folders = (path for path in self._folder.iterdir() if path.name.isdigit())
        return sorted((LandedSync(folder) for folder in folders), key=lambda sync: sync.sync_id)

    def labelled(self, days: tuple[date, date] | None) -> list[LandedSync]:
        """Completely read syncs labelled with one of these days, oldest first."""
        return [sync for sync in self.syncs() if sync.is_read and sync.read_manifest.is_labelled(days)]

    def sweep(self) -> None:
        """Remove what a killed or failed run has left unfinished: nobody can use it any more.

        Call it with the source's lock held, before a sync of one's own begins. Each run does, so the
        unfinished folders are the newest ones, and nothing older is looked at.
        """
        for sync in reversed(self.syncs()):
            if sync.is_read:
                sync.forget_drafts()
                return
            sync.remove()

    def clear(self, *, keep_days: float, now: datetime, needed: frozenset[int]) -> int:
        """Remove what is older than `keep_days` and not needed any more; returns how many syncs went."""
        oldest_kept = int((now.astimezone(UTC) - timedelta(days=keep_days)).timestamp() * 1e9)
        expired = [sync for sync in self.syncs() if sync.sync_id < oldest_kept and sync.sync_id not in needed]
        for sync in expired:
            sync.remove()
        return len(expired)


@contextmanager
def landing_faults() -> Iterator[None]:
    """Turn what the operating system says of the landing zone into what a person can act on.

    Raises:
        PermanentError: files are gone that were there, or the disk is full, or it may not be written.
    """
    try:
        yield
    except FileNotFoundError:
        raise PermanentError(
            "landed files of this sync are gone: somebody removed them; run it again from its start"
        ) from None
    except OSError as error:
        raise PermanentError(
            f"the landing zone cannot be used ({error.strerror or type(error).__name__}): make room there, "
            "mend its permissions, or correct LANDING_URL, then run again"
        ) from None


def to_arrow(rows: pl.DataFrame) -> pa.Table:
    """Rows as Arrow, in the types that the bulk load stages."""
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())


def _write_file(path: UPath, table: pa.Table) -> None:
    with path.open("wb") as file, ipc.new_file(file, table.schema, options=_COMPRESSED) as writer:
        writer.write_table(table)


def _pages_name(block: int) -> str:
    return f"pages-{block:05d}.arrow"


def _rows_name(block: int) -> str:
    return f"rows-{block:05d}.arrow"


def is_local(path: UPath) -> bool:
    """Whether a path is on this machine's disk, where a rename makes a file appear whole."""
    return path.protocol in ("", "file", "local")
