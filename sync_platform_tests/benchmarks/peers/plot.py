"""Draws the published figures: `python plot.py RESULTS FOLDER` writes `peers.svg` and `curve.svg`.

Runs in the peers' environment, because drawing is all that Matplotlib is needed for. The same results give
the same bytes.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "sync_platform"

from matplotlib import pyplot as plt  # noqa: E402 -- what draws is chosen before

_USERS, _PAGE_SIZE = 100_000, 100
_SCENARIOS = {"first": "#2b6cb0", "unchanged": "#63b3ed", "1 % changed": "#bee3f8"}

Cells = dict[tuple[str, int, str], dict[str, float]]


def main() -> None:
    """Draw both."""
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    cells = _medians(json.loads(results.read_bytes())["measurements"])
    _draw_peers(cells, folder / "peers.svg")
    _draw_curve(cells, folder / "curve.svg")


def _medians(measurements: list[dict[str, Any]]) -> Cells:
    """Take the medians of what was measured on pages of 100 that come at once, and of the limit."""
    cells = {}
    for one in measurements:
        cell = one["cell"]
        if (cell["page_size"], cell["latency_ms"]) in {(_PAGE_SIZE, 0), (0, 0)}:
            figures = ("work_s", "peak_bytes")
            cells[cell["system"], cell["users"], cell["scenario"]] = {
                name: median(sample.get(name, 0) for sample in one["samples"]) for name in figures
            }
    return cells


def _draw_peers(cells: Cells, file: Path) -> None:
    seconds = defaultdict[str, dict[str, float]](dict)
    for (system, users, scenario), figures in cells.items():
        if users == _USERS and scenario in _SCENARIOS:
            seconds[system][scenario] = figures["work_s"]
    systems = sorted(seconds, key=lambda system: seconds[system]["first"], reverse=True)
    drawing, axes = plt.subplots(figsize=(8, 0.6 * len(systems) + 1), layout="constrained")
    height = 0.8 / len(_SCENARIOS)
    for number, (scenario, colour) in enumerate(_SCENARIOS.items()):
        places = [place + height * (1 - number) for place in range(len(systems))]
        widths = [seconds[system].get(scenario, 0.0) for system in systems]
        bars = axes.barh(places, widths, height, label=scenario, color=colour)
        axes.bar_label(bars, fmt="%.2g s", padding=2, fontsize=7)
    axes.set_yticks(range(len(systems)), systems)
    axes.set_xscale("log")
    axes.set_xlabel(f"seconds for {_USERS:,} users in pages of {_PAGE_SIZE} (logarithmic)")
    axes.legend(loc="lower right")
    _save(drawing, file)


def _draw_curve(cells: Cells, file: Path) -> None:
    drawing, (times, memory) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for scenario in ("first", "unchanged"):
        points = sorted(
            (users, figures)
            for (system, users, found), figures in cells.items()
            if system == "ours" and found == scenario
        )
        users = [point[0] for point in points]
        colour = _SCENARIOS[scenario]
        times.plot(users, [one["work_s"] for _, one in points], "o-", label=scenario, color=colour)
        memory.plot(users, [one["peak_bytes"] / 1e6 for _, one in points], "o-", label=scenario, color=colour)
    for axes, label in ((times, "seconds, launch to end"), (memory, "peak memory, MB")):
        axes.set_xscale("log")
        axes.set_xlabel("users")
        axes.set_ylabel(label)
        axes.legend()
    times.set_yscale("log")
    memory.set_ylim(bottom=0)
    _save(drawing, file)


def _save(drawing: Any, file: Path) -> None:
    drawing.savefig(file, metadata={"Date": None})
    plt.close(drawing)


if __name__ == "__main__":
    main()
