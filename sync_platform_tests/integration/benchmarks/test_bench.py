"""The bench measures real systems, and gives no figures to one that ends with another table."""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sync_platform.sandbox.users import Moment, Population
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.benchmarks import load_limit
from sync_platform_tests.benchmarks.database import safe_server
from sync_platform_tests.benchmarks.figures import CHANGED, FIRST, UNCHANGED
from sync_platform_tests.benchmarks.matrix import LIMIT, ROW_LOOP, Case
from sync_platform_tests.benchmarks.people import expected_batches
from sync_platform_tests.benchmarks.programs import ProgramFailedError, run_program, serving
from sync_platform_tests.benchmarks.runs import Bench, collected
from sync_platform_tests.benchmarks.source_server import SEED
from sync_platform_tests.postgres import run

USERS = 300
HELD_BYTES = 300_000_000


def test_each_scenario_of_each_system_is_measured_and_its_table_checked(
    postgres_address: DatabaseAddress, tmp_path: Path
) -> None:
    cases = [Case(LIMIT, USERS, page_size=0, repeats=2), Case(ROW_LOOP, USERS, page_size=40, repeats=1)]

    measured = collected(Bench(postgres_address, tmp_path).measure(cases))

    assert {(one.cell.system, one.cell.scenario): len(one.samples) for one in measured} == {
        **{(LIMIT, scenario): 2 for scenario in (FIRST, UNCHANGED, CHANGED)},
        **{(ROW_LOOP, scenario): 1 for scenario in (FIRST, UNCHANGED, CHANGED)},
    }
    assert all(sample.work_s > 0 for one in measured for sample in one.samples)


def test_a_system_that_ends_with_another_table_has_no_figures(
    postgres_address: DatabaseAddress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = load_limit.rows_in_memory(USERS, 0).slice(1)
    monkeypatch.setattr(load_limit, "rows_in_memory", lambda *_: short)
    bench, case = Bench(postgres_address, tmp_path), Case(LIMIT, USERS, page_size=0, repeats=2)

    assert list(bench.measure([case])) == []
    assert bench.failed == {case}
    assert capsys.readouterr().err.count("the table is not what the source holds") == 1


def test_the_limit_writes_nothing_when_nothing_has_changed(database: DatabaseAddress) -> None:
    rows = load_limit.rows_in_memory(USERS, 0)
    load_limit.load(database, rows)
    before = run(database, "select xmin, external_id from users_limit order by 2")

    load_limit.load(database, rows)

    assert run(database, "select xmin, external_id from users_limit order by 2") == before
    assert len(before) == USERS


def test_the_source_serves_the_sandboxs_people_before_and_after_they_changed() -> None:
    population, changes = Population(USERS, SEED), USERS // 100
    with serving(USERS, changes) as url:
        for world, moment in (("before", Moment(0, 0)), ("after", Moment(changes, 0))):
            people = [json.loads(population.record(number, moment)) for number in range(1, USERS + 1)]

            assert _get(f"{url}/{world}/0/users?page=3&limit=40") == {"data": people[80:120], "total": USERS}
            assert _get(f"{url}/{world}/0/users?page=99&limit=40") == {"data": [], "total": USERS}

        newer = _get(f"{url}/after/0/users?updated_since=2026-01-01T00:00:00Z")
        assert newer["total"] == len(newer["data"]) == changes


def test_expected_rows_hold_everybody_once() -> None:
    ids = [one for batch in expected_batches(USERS, 3) for one in batch.column("external_id").to_pylist()]

    assert ids == [str(number) for number in range(1, USERS + 1)]


def test_what_the_starting_process_holds_is_not_counted_as_the_started_ones(tmp_path: Path) -> None:
    held = b"x" * HELD_BYTES

    ended = run_program((sys.executable, "-c", "print('{\"done\": true}')"), {}, tmp_path)

    assert ended.said == {"done": True}
    assert 0 < ended.peak_bytes < len(held) / 2


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('out of luck')")

    with pytest.raises(ProgramFailedError, match="out of luck"):
        run_program(command, {}, tmp_path)


def test_figures_are_taken_only_from_a_server_that_writes_safely(tmp_path: Path) -> None:
    with safe_server(tmp_path) as server:
        assert run(server, "show fsync") == [("on",)]
        assert run(server, "show synchronous_commit") == [("on",)]


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url) as reply:  # noqa: S310 -- our own source on loopback
        found: dict[str, Any] = json.load(reply)
    return found
