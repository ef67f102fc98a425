"""Two hundred interleavings of a moving source with our requests; `make torture` tries five thousand.

A failure names its seed and tells what happened before which request.
"""

from pathlib import Path

import pytest

from sync_platform_tests.integration.pull.conftest import SpareDatabase
from sync_platform_tests.torture.moving import require_nothing_lost

SEEDS = 200
CHUNK = 25
FOUND_A_FAULT = (1216, 1397, 2013)
"""A user deleted while another one, committed late, took its place in the total."""
FLEETING = (55, 181, 292)
"""A user read and deleted again within the read, in whose place another one was missed."""


@pytest.mark.parametrize(
    "seeds",
    [FOUND_A_FAULT, *(range(first, first + CHUNK) for first in range(0, SEEDS, CHUNK))],
    ids=lambda seeds: f"from{seeds[0]}",
)
def test_no_interleaving_loses_a_record(
    spare_database: SpareDatabase, tmp_path: Path, seeds: tuple[int, ...] | range
) -> None:
    for seed in seeds:
        require_nothing_lost(spare_database.clean(), tmp_path / str(seed), seed)


def test_who_comes_and_goes_within_a_read_hides_nobody(spare_database: SpareDatabase, tmp_path: Path) -> None:
    for seed in FLEETING:
        require_nothing_lost(spare_database.clean(), tmp_path / str(seed), seed, is_fleeting=True)
