"""What was measured: its shape, its file, and how new figures are merged into it.

Here belong the records of `docs/benchmarks/results.json`, from which every published number is written, and
finding one of them. How they are told is `report`, what they must reach is `targets`.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from sync_platform_tests.benchmarks.push import PushMeasurement

FIRST, UNCHANGED, CHANGED, NOTHING_NEW = "first", "unchanged", "1 % changed", "nothing new"
"""What a sync finds: an empty table, the same table, one in a hundred changed; NOTHING_NEW is incremental."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Record):
    """What was measured.

    Attributes:
        system: a key of `matrix.SYSTEMS`.
        users: people at the source.
        page_size: of the source's pages; 0 for the limit, which reads none.
        latency_ms: how late the source answers.
        scenario: what the sync found.
    """

    system: str
    users: int
    page_size: int
    latency_ms: int
    scenario: str


class Sample(_Record):
    """One thing measured once.

    Attributes:
        work_s: the work itself: ours from the run's launch to its end, a peer from its first call to its
            last, without starting Python and importing; the limit from its first COPY to its commit.
        inside_s: ours only: from the run's start event to its end event.
        process_s: the whole process; None for the limit.
        peak_bytes: most memory that the process held; None for the limit.
        wal_bytes: all that the server wrote to its log meanwhile, Dagster's own events included.
        events: how many events Dagster stored for the run; ours only.
        pages: pages that the run read; ours only.
        stages: ours only: seconds of each step of the run, by the asset's name.
    """

    work_s: float
    inside_s: float | None = None
    process_s: float | None = None
    peak_bytes: int | None = None
    wal_bytes: int
    events: int | None = None
    pages: int | None = None
    stages: dict[str, float] = Field(default_factory=dict)


class Measurement(_Record):
    """A cell, when it was measured last, and its repeats."""

    cell: Cell
    measured_at: str
    samples: tuple[Sample, ...]

    def median(self, value: Callable[[Sample], float | None]) -> float | None:
        """Return the median of one figure of the repeats, or None where they have none."""
        values = [one for sample in self.samples if (one := value(sample)) is not None]
        return median(values) if values else None


class Results(_Record):
    """Everything that was measured.

    Attributes:
        machine: what it was measured on, a line each.
        measurements: one a cell, ordered as `merged` leaves them.
        import_s: seconds of `import dagster` and `import sync_platform.definitions`, each in a fresh process.
        push: what `push.measure` returned.
    """

    machine: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    import_s: dict[str, float] = Field(default_factory=dict)
    push: tuple[PushMeasurement, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a result file; one that is missing holds nothing."""
        return cls.model_validate_json(path.read_bytes()) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Write the file in one piece; a rerun replaces it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(self.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
        unfinished.replace(path)

    def merged(self, newer: Iterable[Measurement]) -> Self:
        """Return these results with the newer measurements in the place of those of the same cells."""
        by_cell = {one.cell: one for one in (*self.measurements, *newer)}
        ordered = sorted(by_cell.values(), key=lambda one: tuple(one.cell.model_dump().values()))
        return self.model_copy(update={"measurements": tuple(ordered)})

    def find(self, cell: Cell) -> Measurement | None:
        """Return a cell's measurement, if there is one."""
        return next((one for one in self.measurements if one.cell == cell), None)

    def work_s(self, cell: Cell) -> float | None:
        """Return the median seconds of a cell's work, if it was measured."""
        found = self.find(cell)
        return found.median(lambda sample: sample.work_s) if found else None
