"""What was measured, and how it is told: one table for the terminal and the page in `docs/`.

Pure: measurements in, text out.
"""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

import psutil

_LIBRARIES = ("dagster", "polars", "pyarrow", "adbc-driver-postgresql", "psycopg", "msgspec")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing measured once.

    Attributes:
        name: what was measured; measurements of one name are repeats.
        users: rows that went through.
        inside_s: seconds of the work itself: a run from its start event to its end event, or a load from its
            first COPY to its commit.
        process_s: seconds from starting the process to its end, or None for a load.
        peak_bytes: most memory that the process held at once, or None for a load.
        wal_bytes: write-ahead log that the server wrote meanwhile, Dagster's own events included.
    """

    name: str
    users: int
    inside_s: float
    process_s: float | None
    peak_bytes: int | None
    wal_bytes: int


def table(measured: Sequence[Measurement], limits: dict[str, str]) -> str:
    """Write the medians as a Markdown table; `limits` names each measurement's limit."""
    header = ("", "inside", "rows/s", "times the limit", "whole process", "peak memory", "WAL")
    lines = [header, ("---", *["---:"] * (len(header) - 1))]
    names = list(dict.fromkeys(one.name for one in measured))
    lines += [_row(name, measured, limits.get(name)) for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(postgres: str) -> str:
    """Describe what it was measured on, in one line each: hardware, system, versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    memory_gib = psutil.virtual_memory().total / 2**30
    return "\n".join(
        (
            f"- {psutil.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB of memory",
            f"- {platform.system()}, Python {platform.python_version()}, Postgres {postgres}",
            f"- {libraries}",
        )
    )


def _row(name: str, measured: Iterable[Measurement], limit: str | None) -> tuple[str, ...]:
    own = [one for one in measured if one.name == name]
    inside_s = _inside(own)
    whole = [one.process_s for one in own if one.process_s is not None]
    peaks = [one.peak_bytes for one in own if one.peak_bytes is not None]
    return (
        name,
        f"{inside_s:.2f} s",
        f"{own[0].users / inside_s:,.0f}",
        "" if limit is None else f"{inside_s / _inside(one for one in measured if one.name == limit):.1f}",
        f"{median(whole):.1f} s" if whole else "",
        f"{median(peaks) / 1e6:.0f} MB" if peaks else "",
        f"{median(one.wal_bytes for one in own) / 1e6:.1f} MB",
    )


def _inside(repeats: Iterable[Measurement]) -> float:
    return median(one.inside_s for one in repeats)
