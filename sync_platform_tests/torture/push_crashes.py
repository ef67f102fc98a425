"""Kills of real pushes at more than a hundred places: `make torture`.

A case's id names its seed; run one alone with `-k seed17`.
"""

from collections.abc import Callable

import pytest

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.torture.pushes import require_survival

SEEDS = 120


@pytest.mark.parametrize("seed", range(SEEDS), ids=lambda seed: f"seed{seed}")
def test_killed_pushes_miss_nobody_and_repeat_only_what_is_in_doubt(
    seed: int, database: DatabaseAddress, record_property: Callable[[str, object], None]
) -> None:
    record_property("kills", require_survival(seed, database))
