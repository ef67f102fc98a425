"""Results: merged by cell, kept in a file, found again."""

from pathlib import Path

from sync_platform_tests.benchmarks.figures import FIRST, UNCHANGED, Cell, Measurement, Results, Sample


def _cell(scenario: str = FIRST, system: str = "ours", users: int = 100) -> Cell:
    return Cell(system=system, users=users, page_size=10, latency_ms=0, scenario=scenario)


def _measured(cell: Cell, *seconds: float) -> Measurement:
    samples = tuple(Sample(work_s=one, wal_bytes=0, stages={"users": one}) for one in seconds)
    return Measurement(cell=cell, measured_at="2026-01-01T00:00:00+00:00", samples=samples)


def test_a_part_that_is_measured_again_replaces_its_own_figures_only() -> None:
    before = Results().merged([_measured(_cell(FIRST), 1.0), _measured(_cell(UNCHANGED), 2.0)])

    after = before.merged([_measured(_cell(FIRST), 5.0)])

    assert after.work_s(_cell(FIRST)) == 5.0
    assert after.work_s(_cell(UNCHANGED)) == 2.0


def test_the_median_of_the_repeats_is_told() -> None:
    assert Results().merged([_measured(_cell(), 9.0, 1.0, 2.0)]).work_s(_cell()) == 2.0


def test_what_was_not_measured_is_none_and_not_nought() -> None:
    results = Results().merged([_measured(_cell(), 1.0)])
    found = results.find(_cell())

    assert results.work_s(_cell(users=200)) is None
    assert found is not None
    assert found.median(lambda sample: sample.peak_bytes) is None


def test_a_file_holds_everything_and_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    results = Results(machine=("2 cores",), import_s={"dagster": 1.5}).merged([_measured(_cell(), 1.0, 2.0)])
    file, again = tmp_path / "results.json", tmp_path / "again.json"

    results.write(file)
    Results.read(file).write(again)

    assert Results.read(file) == results
    assert again.read_bytes() == file.read_bytes()


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert Results.read(tmp_path / "none.json") == Results()
