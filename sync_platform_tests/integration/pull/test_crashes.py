"""A sample of kills and lost databases of each kind of run; `make torture` tries hundreds.

Every message to Postgres, every reply of the source and every landed file is a place. A failure names its
seed, and the torture's case of the same flow and seed is the same place.
"""

from pathlib import Path

import pytest

from sync_platform_tests.integration.pull.conftest import SpareDatabase
from sync_platform_tests.torture.crashes import require_recovery, require_survival, site_of
from sync_platform_tests.torture.errands import FLOWS, Flow

SEEDS = range(3)


@pytest.mark.parametrize("flow", FLOWS)
def test_kill_9_and_a_rerun_leave_what_an_undisturbed_run_leaves(
    flow: Flow, spare_database: SpareDatabase, tmp_path: Path
) -> None:
    with site_of(flow, spare_database.clean(), tmp_path / "reference") as site:
        reference = site.refer()
    for seed in SEEDS:
        require_survival(flow, seed, reference, spare_database.clean(), tmp_path / f"killed{seed}")
        require_recovery(flow, seed, reference, spare_database.clean(), tmp_path / f"lost{seed}")
