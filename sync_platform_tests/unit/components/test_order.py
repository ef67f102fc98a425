from datetime import UTC, date, datetime

import pytest

from sync_platform.components.api_sync.order import Launch, order_for
from sync_platform.pull.window import SyncOrder

TODAY = date(2026, 3, 10)
YESTERDAY = date(2026, 3, 9)
SINCE = datetime(2026, 3, 1, 8, tzinfo=UTC)
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = (date(2026, 3, 1), date(2026, 3, 7))


@pytest.mark.parametrize(
    ("launch", "order"),
    [
        pytest.param(Launch(), SyncOrder("incremental"), id="an unpartitioned source reads what is new"),
        pytest.param(
            Launch(days=(TODAY, TODAY)), SyncOrder("incremental"), id="the job, for today, reads what is new"
        ),
        pytest.param(
            Launch(days=(YESTERDAY, YESTERDAY)),
            SyncOrder("window", days=(YESTERDAY, YESTERDAY)),
            id="the job, for a past day, reads that day",
        ),
        pytest.param(
            Launch(days=(TODAY, TODAY), is_chosen=True),
            SyncOrder("window", days=(TODAY, TODAY)),
            id="Materialize of today reads today",
        ),
        pytest.param(
            Launch(days=WEEK, is_chosen=True),
            SyncOrder("window", days=WEEK),
            id="a backfill reads exactly its days",
        ),
        pytest.param(
            Launch("incremental", days=(YESTERDAY, YESTERDAY)),
            SyncOrder("incremental"),
            id="config outranks a label that midnight made past",
        ),
        pytest.param(
            Launch("incremental", since=SINCE, days=(TODAY, TODAY)),
            SyncOrder("incremental", since=SINCE),
            id="a start overrides the watermark",
        ),
        pytest.param(
            Launch("full", days=WEEK, is_chosen=True), SyncOrder("full"), id="full takes no days along"
        ),
        pytest.param(
            Launch("window", since=SINCE, until=UNTIL, days=(TODAY, TODAY)),
            SyncOrder("window", since=SINCE, until=UNTIL),
            id="explicit times of a window outrank its label",
        ),
        pytest.param(
            Launch("window", until=UNTIL, days=WEEK),
            SyncOrder("window", until=UNTIL, days=WEEK),
            id="an end alone shortens the chosen days",
        ),
    ],
)
def test_a_launch_asks_for(launch: Launch, order: SyncOrder) -> None:
    assert order_for(launch, today=TODAY) == order
