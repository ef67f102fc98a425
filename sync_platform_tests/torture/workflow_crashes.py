"""Workflows that are killed again and again, at many more places than `make test` has time for.

A case's id is its seed; run one alone with `-k seed17`.
"""

from pathlib import Path

import pytest

from sync_platform_tests.integration.workflow.conftest import Make, make, receiver, sql_files
from sync_platform_tests.integration.workflow.crash import kill_and_go_on
from sync_platform_tests.postgres import database
from sync_platform_tests.scripted_server import ScriptedServer

__all__ = ["database", "make", "receiver", "sql_files"]

KILLS_A_SEED = 3
SEEDS = 40


@pytest.mark.parametrize("seed", range(100, 100 + SEEDS), ids=lambda seed: f"seed{seed}")
def test_a_workflow_that_is_killed_again_and_again_does_everything_once(
    make: Make,
    receiver: ScriptedServer,
    sql_files: Path,
    seed: int,
) -> None:
    kill_and_go_on(make, receiver, sql_files, seed=seed, kills=KILLS_A_SEED)
