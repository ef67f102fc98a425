"""Measures start-up: how long the code location takes to import, beside Dagster alone."""

import subprocess
import sys
from pathlib import Path
from statistics import median

DAGSTER, OURS = "dagster", "sync_platform.definitions"
_ROOT = Path(__file__).parents[2]
_REPEATS = 5
_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


def measure_imports() -> dict[str, float]:
    """Return the median seconds of each import, every one in a fresh process, in turns."""
    seconds: dict[str, list[float]] = {DAGSTER: [], OURS: []}
    for _ in range(_REPEATS):
        for module, found in seconds.items():
            command = (sys.executable, "-c", _TIMED.format(module))
            found.append(float(subprocess.check_output(command, cwd=_ROOT)))
    return {module: median(found) for module, found in seconds.items()}
