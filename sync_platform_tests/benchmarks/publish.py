"""Writes what is published out of a result file: the page, README's section and the drawings."""

import subprocess
from pathlib import Path

from sync_platform_tests.benchmarks.figures import Results
from sync_platform_tests.benchmarks.peer_runs import PROGRAMS, peers_python
from sync_platform_tests.benchmarks.report import page, readme_section, with_section

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "benchmarks" / "results.json"
PAGE = RESULTS.with_name("README.md")


def publish() -> None:
    """Write everything anew from the published results; a rerun changes nothing.

    Raises:
        SystemExit: the peers' environment, which draws, could not be installed.
    """
    results = Results.read(RESULTS)
    PAGE.write_text(page(results), encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_section(readme, readme_section(results)), encoding="utf-8")
    subprocess.run((peers_python(), PROGRAMS / "plot.py", RESULTS, RESULTS.parent), check=True)
