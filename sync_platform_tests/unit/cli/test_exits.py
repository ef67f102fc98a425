"""Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 finished with something left."""

import pytest

from sync_platform.cli.exits import of_run, worst


@pytest.mark.parametrize(
    ("is_success", "statuses", "code"),
    [
        (True, ["completed"], 0),
        (True, [], 0),
        (False, [], 1),
        (False, ["completed"], 1),
        (True, ["completed_with_errors"], 3),
        (True, ["unproven"], 3),
        (True, ["incomplete"], 3),
        (True, ["failed"], 1),
        (True, ["running"], 1),
        (True, ["completed_with_errors", "failed", "completed"], 1),
    ],
)
def test_a_run_ends_with_the_code_of_its_worst_sync(is_success: bool, statuses: list[str], code: int) -> None:
    assert of_run(is_success=is_success, statuses=statuses) == code


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 3], 3), ([3, 1], 1), ([1, 2], 2), ([0, -9], 1), ([130], 1)],
)
def test_the_code_that_tells_most_wins(codes: list[int], code: int) -> None:
    assert worst(codes) == code
