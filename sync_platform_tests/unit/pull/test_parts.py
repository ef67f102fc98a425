"""Cutting windows: every place of the cursor stays covered, and it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_platform.pull.parts import halves
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window
from sync_platform_tests.pulling import spec_of

NOW = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
REQUEST = {"path": "/things", "params": {"since": "{since}", "until": "{until}"}}


def _spec(**incremental: object) -> ApiSyncSpec:
    return spec_of(request=REQUEST, incremental={"field": "at", **incremental})


def _window(since: datetime | int | None, until: datetime | int | None) -> Window:
    return Window("full", since, until, None, None)


def test_the_halves_meet_in_the_middle_and_the_later_one_looks_back_by_the_lag() -> None:
    cut = halves(_spec(lag_s=60), _window(NOW - 2 * DAY, NOW), now=NOW)
    assert cut is not None
    assert [(half.since, half.until) for half in cut] == [
        (NOW - 2 * DAY, NOW - DAY),
        (NOW - DAY - timedelta(seconds=60), NOW),
    ]


def test_an_open_start_and_an_open_end_stay_open() -> None:
    cut = halves(_spec(), _window(None, None), now=NOW)
    assert cut is not None
    assert (cut[0].since, cut[1].until) == (None, None)
    assert cut[0].until is not None
    assert cut[1].since is not None


@pytest.mark.parametrize(
    ("window", "incremental"),
    [
        (_window(NOW, NOW + timedelta(seconds=1)), {"format": "epoch_s"}),
        (_window(NOW, NOW + DAY), {"param_format": "%Y-%m-%d"}),
        (_window(NOW, None), {}),
        (_window(5, 7), {"format": "integer"}),
    ],
)
def test_ends_that_a_request_cannot_tell_apart_are_not_cut(
    window: Window, incremental: dict[str, object]
) -> None:
    assert halves(_spec(**incremental), window, now=NOW) is None


def test_integers_are_cut_with_one_in_common_and_without_a_known_end() -> None:
    cut = halves(_spec(format="integer"), _window(100, 200), now=NOW)
    assert cut is not None
    assert [(half.since, half.until) for half in cut] == [(100, 150), (149, 200)]
    grown = halves(_spec(format="integer"), _window(5000, None), now=NOW)
    assert grown is not None
    assert [(half.since, half.until) for half in grown] == [(5000, 12500), (12499, None)]


@pytest.mark.parametrize(
    "ends", [(None, None), (NOW - 900 * DAY, None), (NOW - DAY, NOW), (0, None), (3, 9000)]
)
def test_cutting_comes_to_an_end_and_leaves_no_gap(ends: tuple[datetime | int | None, ...]) -> None:
    is_integer = isinstance(ends[0], int)
    spec = _spec(format="integer") if is_integer else _spec(format="epoch_s")
    rest, depth = _window(*ends), 0
    while (cut := halves(spec, rest, now=NOW)) and depth < 200:
        first, second = cut
        assert (first.since, second.until) == (rest.since, rest.until)
        assert second.since is not None
        assert first.until is not None
        assert type(second.since) is type(first.until)
        assert str(second.since) <= str(first.until) or is_integer
        rest, depth = first, depth + 1
    assert depth < 200


def test_a_moment_with_too_many_records_is_cut_out_in_few_steps() -> None:
    spec, moment, cuts = _spec(lag_s=60), NOW - 400 * DAY, 0
    rest = [_window(None, None)]
    while rest:
        window = rest.pop()
        begins = not isinstance(window.since, datetime) or window.since <= moment
        ends = not isinstance(window.until, datetime) or moment < window.until
        cut = halves(spec, window, now=NOW) if begins and ends else None
        cuts += cut is not None
        rest += cut or ()
        assert cuts < 1000
