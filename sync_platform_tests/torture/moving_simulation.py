"""Six thousand interleavings of a moving source with our requests: `make torture`.

In a thousand of them nobody leaves but who came meanwhile. A failure names its seed and tells what happened;
a chunk of a hundred seeds is run alone with `-k from1200-`.
"""

from collections import Counter
from pathlib import Path

import pytest

from sync_platform_tests.integration.pull.conftest import SpareDatabase
from sync_platform_tests.torture.moving import require_nothing_lost

SEEDS = 5000
FLEETING_SEEDS = 1000
CHUNK = 100


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK), ids=lambda first: f"from{first}-")
def test_no_interleaving_loses_a_record(spare_database: SpareDatabase, tmp_path: Path, first: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        outcomes[require_nothing_lost(spare_database.clean(), tmp_path / str(seed), seed)] += 1
    assert outcomes["completed"], "most of these syncs are proven"


@pytest.mark.parametrize("first", range(0, FLEETING_SEEDS, CHUNK), ids=lambda first: f"from{first}-")
def test_who_comes_and_goes_hides_nobody(spare_database: SpareDatabase, tmp_path: Path, first: int) -> None:
    for seed in range(first, first + CHUNK):
        require_nothing_lost(spare_database.clean(), tmp_path / str(seed), seed, is_fleeting=True)
