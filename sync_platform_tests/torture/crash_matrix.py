"""Kills and lost databases at hundreds of places of each kind of run: `make torture`.

A case's id names its flow and seed; run one alone with `-k full-seed17`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from sync_platform_tests.integration.pull.conftest import SpareDatabase
from sync_platform_tests.torture.crashes import Reference, require_recovery, require_survival, site_of
from sync_platform_tests.torture.errands import FLOWS, Flow

KILLS_A_FLOW = 65
LOSSES_A_FLOW = 40


@pytest.fixture(scope="module", params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    chosen: Flow = request.param
    return chosen


@pytest.fixture(scope="module")
def reference(
    flow: Flow, spare_database: SpareDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    with site_of(flow, spare_database.clean(), tmp_path_factory.mktemp("reference")) as site:
        return site.refer()


@pytest.mark.parametrize("seed", range(KILLS_A_FLOW), ids=lambda seed: f"seed{seed}")
def test_a_killed_run_and_its_rerun_leave_what_an_undisturbed_run_leaves(
    *,
    flow: Flow,
    seed: int,
    reference: Reference,
    spare_database: SpareDatabase,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    was_killed = require_survival(flow, seed, reference, spare_database.clean(), tmp_path)
    record_property("was_killed", was_killed)


@pytest.mark.parametrize("seed", range(LOSSES_A_FLOW), ids=lambda seed: f"seed{seed}")
def test_a_run_that_loses_postgres_mends_it_or_is_repaired_by_a_rerun(
    flow: Flow, seed: int, reference: Reference, spare_database: SpareDatabase, tmp_path: Path
) -> None:
    require_recovery(flow, seed, reference, spare_database.clean(), tmp_path)
