"""What a sync asks for: DESIGN 4.1 as a table."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sync_platform.pull.spec import IncrementalSpec
from sync_platform.pull.window import SyncOrder, Window, parse_time, plan_window
from sync_platform.vocabulary import UsageError

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
TODAY = date(2024, 5, 1)
START = datetime(2024, 1, 1, tzinfo=UTC)
WATERMARK = datetime(2024, 4, 30, 23, tzinfo=UTC)
EARLIER = datetime(2024, 3, 1, 6, tzinfo=UTC)
UNTIL = datetime(2024, 5, 1, 6, tzinfo=UTC)
CHANGES = IncrementalSpec.model_validate({"field": "updated_at", "lag_s": 60})
FROM_START = IncrementalSpec.model_validate({"field": "updated_at", "full": "from_start"})


def plan(
    order: SyncOrder,
    incremental: IncrementalSpec | None = CHANGES,
    *,
    watermark: datetime | None = WATERMARK,
    full_is_due: bool = False,
) -> Window:
    return plan_window(order, incremental, watermark=watermark, now=NOW, full_is_due=full_is_due)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("order", "window"),
    [
        (SyncOrder(), Window("incremental", WATERMARK - timedelta(seconds=60), None, TODAY, TODAY)),
        (SyncOrder(since=EARLIER), Window("incremental", EARLIER, None, TODAY, TODAY)),
        (SyncOrder(since=EARLIER, until=UNTIL), Window("incremental", EARLIER, UNTIL, TODAY, TODAY)),
        (SyncOrder("full"), Window("full", None, None, TODAY, TODAY)),
        (SyncOrder("full", since=EARLIER), Window("full", EARLIER, None, TODAY, TODAY)),
        (SyncOrder("full", until=UNTIL), Window("full", None, UNTIL, TODAY, TODAY)),
        (
            SyncOrder("window", days=(TODAY, TODAY)),
            Window("window", midnight(TODAY), midnight(date(2024, 5, 2)), TODAY, TODAY),
        ),
        (
            SyncOrder("window", days=(date(2024, 2, 28), date(2024, 3, 1))),
            Window(
                "window",
                midnight(date(2024, 2, 28)),
                midnight(date(2024, 3, 2)),
                date(2024, 2, 28),
                date(2024, 3, 1),
            ),
        ),
        (
            SyncOrder("window", since=EARLIER),
            Window("window", EARLIER, midnight(date(2024, 5, 2)), date(2024, 3, 1), TODAY),
        ),
        (
            SyncOrder("window", since=EARLIER, until=midnight(date(2024, 3, 3))),
            Window("window", EARLIER, midnight(date(2024, 3, 3)), date(2024, 3, 1), date(2024, 3, 2)),
        ),
        (
            SyncOrder("window", since=EARLIER, until=UNTIL),
            Window("window", EARLIER, UNTIL, date(2024, 3, 1), TODAY),
        ),
    ],
)
def test_an_order_becomes_a_window_and_its_label(order: SyncOrder, window: Window) -> None:
    assert plan(order) == window


def test_the_first_incremental_sync_begins_at_the_start() -> None:
    assert plan(SyncOrder(), watermark=None) == Window("incremental", START, None, TODAY, TODAY)


def test_a_full_sync_of_an_api_that_needs_a_filter_sends_the_start() -> None:
    assert plan(SyncOrder("full"), FROM_START) == Window("full", START, None, TODAY, TODAY)


@pytest.mark.parametrize(
    ("order", "sync_type"),
    [
        (SyncOrder(), "full"),
        (SyncOrder(since=EARLIER), "incremental"),
        (SyncOrder("window", days=(TODAY, TODAY)), "window"),
    ],
)
def test_a_full_sync_that_is_due_takes_the_place_of_an_incremental_one_only(
    order: SyncOrder, sync_type: str
) -> None:
    assert plan(order, full_is_due=True).sync_type == sync_type


@pytest.mark.parametrize("sync_type", ["incremental", "full"])
def test_a_source_without_incremental_is_read_in_full_and_has_no_label(sync_type: str) -> None:
    order = SyncOrder(sync_type)  # type: ignore[arg-type]  # the parameters are typed as plain text
    assert plan(order, None, watermark=None) == Window("full", None, None, None, None)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (SyncOrder("window", days=(TODAY, TODAY)), "no `incremental`"),
        (SyncOrder(since=EARLIER), "no `incremental`"),
        (SyncOrder(until=EARLIER), "no `incremental`"),
    ],
)
def test_a_source_without_incremental_has_no_windows(order: SyncOrder, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        plan(order, None, watermark=None)


@pytest.mark.parametrize(
    "order",
    [
        SyncOrder(since=UNTIL, until=EARLIER),
        SyncOrder(since=UNTIL, until=UNTIL),
        SyncOrder(until=EARLIER),
        SyncOrder("window", since=NOW + timedelta(days=3)),
        SyncOrder("full", since=UNTIL, until=EARLIER),
    ],
)
def test_a_window_that_ends_before_it_begins_is_refused(order: SyncOrder) -> None:
    with pytest.raises(UsageError, match="before it begins"):
        plan(order)


def test_a_window_without_a_start_is_refused() -> None:
    with pytest.raises(UsageError, match="--since"):
        plan(SyncOrder("window"))


@pytest.mark.parametrize(("sync_type", "may"), [("incremental", True), ("full", True), ("window", False)])
def test_only_a_window_never_moves_the_watermark(sync_type: str, may: bool) -> None:
    window = Window(sync_type, None, None, None, None)  # type: ignore[arg-type]  # typed as plain text here
    assert window.may_move_watermark is may


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-03-01", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01T06:00:00Z", EARLIER),
        ("2024-03-01T06:00:00", EARLIER),
        ("2024-03-01T08:00:00+02:00", EARLIER),
    ],
)
def test_a_time_is_rfc_3339_or_a_date_in_utc(text: str, time: datetime) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2024-02-30", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="RFC 3339"):
        parse_time(text)
