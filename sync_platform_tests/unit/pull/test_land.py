"""The landing zone: files appear whole, manifests come last, labels find syncs, old ones go."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from sync_platform.pull.land import LandedPage, LandedSync, Landing, NormalizedManifest, ReadManifest
from sync_platform.vocabulary import PermanentError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NS_A_DAY = 86_400 * 10**9
PAGES = [LandedPage(1, b'{"url": "/users"}', b'{"data": []}'), LandedPage(2, b"{}", b"[1]", is_excerpt=True)]
READ = ReadManifest(
    sync_id=1,
    source="users",
    sync_type="incremental",
    since=NOON,
    until=None,
    first_day=date(2024, 5, 1),
    last_day=date(2024, 5, 1),
    started_at=NOON,
    source_clock_at=NOON,
    pages=2,
    records=1,
    body_bytes=15,
    blocks=1,
    expected=None,
    distinct=1,
    proof="none",
    proof_reason="a test",
    pages_queued=0,
    rows_queued_estimate=0,
    errors=(),
)
NORMALIZED = NormalizedManifest(
    blocks=1, rows=1, quarantined=0, outside_window=0, newest_change_at=NOON, quarantine_reasons={}
)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path), "users")


def landed(landing: Landing, sync_id: int, first: date | None = None, last: date | None = None) -> LandedSync:
    sync = landing.sync(sync_id)
    sync.write_pages(1, PAGES)
    sync.write_manifest(msgspec.structs.replace(READ, sync_id=sync_id, first_day=first, last_day=last))
    return sync


def test_pages_come_back_as_they_landed(landing: Landing) -> None:
    sync = landing.sync(1)
    sync.write_pages(1, PAGES)
    assert list(sync.pages(1)) == PAGES


def test_manifests_come_back_as_they_were_written(landing: Landing) -> None:
    landing.sync(1).write_manifest(READ)
    landing.sync(1).write_manifest(NORMALIZED)
    assert landing.sync(1).read_manifest == READ
    assert landing.sync(1).normalized_manifest == NORMALIZED


def test_a_file_appears_whole_or_not_at_all(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    sync = landing.sync(1)
    with monkeypatch.context() as killed:
        killed.setattr(os, "rename", stop)
        killed.setattr(os, "replace", stop)
        killed.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            sync.write_pages(1, PAGES)
        with pytest.raises(KeyboardInterrupt):
            sync.write_manifest(READ)
    assert not sync.is_read
    assert [path.name for path in (tmp_path / "users" / "1").iterdir() if not path.name.startswith(".")] == []
    sync.write_pages(1, PAGES)
    assert list(sync.pages(1)) == PAGES


def test_a_step_without_the_one_before_says_so(landing: Landing) -> None:
    with pytest.raises(PermanentError, match=r"no read\.json"):
        _ = landing.sync(7).read_manifest


def test_rows_are_forgotten_before_they_are_made_again(landing: Landing) -> None:
    sync = landed(landing, 1)
    sync.write_rows(1, pl.DataFrame({"a": [1]}))
    sync.write_manifest(NORMALIZED)
    sync.forget_rows()
    assert not sync.is_normalized
    assert sync.is_read
    assert list(sync.pages(1)) == PAGES
    with pytest.raises(FileNotFoundError):
        sync.rows(1)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ((date(2024, 5, 1), date(2024, 5, 1)), [1, 3]),
        ((date(2024, 5, 2), date(2024, 5, 2)), [2, 3]),
        ((date(2024, 4, 1), date(2024, 4, 30)), []),
        ((date(2024, 4, 1), date(2024, 6, 1)), [1, 2, 3]),
        (None, [4]),
    ],
)
def test_syncs_are_found_by_the_days_of_their_label_in_order(
    landing: Landing, days: tuple[date, date] | None, found: list[int]
) -> None:
    landed(landing, 3, date(2024, 5, 1), date(2024, 5, 3))
    landed(landing, 2, date(2024, 5, 2), date(2024, 5, 2))
    landed(landing, 1, date(2024, 5, 1), date(2024, 5, 1))
    landed(landing, 4)
    landing.sync(5).write_pages(1, PAGES)  # a read that died
    assert [sync.sync_id for sync in landing.labelled(days)] == found


def test_what_is_older_than_it_is_kept_goes_but_not_what_is_needed(landing: Landing) -> None:
    now_ns = int(NOON.timestamp()) * 10**9
    ids = {age: now_ns - age * NS_A_DAY for age in (1, 6, 8, 9)}
    for sync_id in ids.values():
        landed(landing, sync_id)
    landing.sync(ids[9] - 1).write_pages(1, PAGES)  # a read that died
    gone = landing.clear(keep_days=7, now=NOON, needed=frozenset({ids[8]}))
    assert gone == 2
    assert [sync.sync_id for sync in landing.syncs()] == [ids[8], ids[6], ids[1]]


def test_a_removed_sync_leaves_nothing_not_even_unfinished_files(landing: Landing, tmp_path: Path) -> None:
    sync = landed(landing, 1)
    (tmp_path / "users" / "1" / ".pages-00002.arrow").write_bytes(b"unfinished")
    sync.remove()
    sync.remove()
    assert list((tmp_path / "users").iterdir()) == []


def test_a_source_without_a_folder_has_no_syncs(landing: Landing) -> None:
    assert landing.syncs() == []
    assert landing.clear(keep_days=0.1, now=NOON + timedelta(days=1), needed=frozenset()) == 0
