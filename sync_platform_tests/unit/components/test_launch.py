from datetime import UTC, datetime

import pytest

from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.api_sync.launch import (
    replay_request,
    request_for,
    retry_request,
    source_named,
    sync_request,
)
from sync_platform.components.launch import NO_WAIT_TAG
from sync_platform.vocabulary import UsageError
from sync_platform_tests.unit.components.sources import unpartitioned_spec, users_spec

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def config_of(request_config: object) -> object:
    assert isinstance(request_config, dict)
    return request_config["ops"]["external_users_pages"]["config"]


def test_an_incremental_sync_is_labelled_with_today() -> None:
    request = request_for(users_spec(), "incremental", None, None, no_wait=False, now=NOW)
    assert (request.job_name, request.partition_key) == ("users_sync_job", "2026-03-10")
    assert config_of(request.run_config) == {"type": "incremental"}
    assert request.tags == {}


def test_a_window_is_labelled_with_the_days_that_it_touches() -> None:
    since, until = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    request = request_for(users_spec(), "window", since, until, no_wait=True, now=NOW)
    assert request.partition_key is None
    assert dict(request.tags) == {RANGE[0]: "2026-03-01", RANGE[1]: "2026-03-03", NO_WAIT_TAG: "true"}
    assert config_of(request.run_config) == {
        "type": "window",
        "since": "2026-03-01T12:00:00+00:00",
        "until": "2026-03-04T00:00:00+00:00",
    }


def test_a_window_of_one_day_is_one_partition() -> None:
    since, until = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    request = request_for(users_spec(), "window", since, until, no_wait=False, now=NOW)
    assert (request.partition_key, dict(request.tags)) == ("2026-03-01", {})


def test_labels_stay_inside_the_partitions_that_exist() -> None:
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    request = request_for(users_spec(), "window", since, until, no_wait=False, now=NOW)
    assert dict(request.tags) == {RANGE[0]: "2024-01-01", RANGE[1]: "2026-03-10"}


def test_an_unpartitioned_source_has_no_label_and_no_window() -> None:
    request = request_for(unpartitioned_spec(), "full", None, None, no_wait=False, now=NOW)
    assert (request.partition_key, dict(request.tags)) == (None, {})
    with pytest.raises(UsageError, match="always read in full"):
        request_for(unpartitioned_spec(), "window", NOW, None, no_wait=False, now=NOW)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (None, None, "needs its start"),
        (NOW, datetime(2026, 1, 1, tzinfo=UTC), "before it begins"),
    ],
)
def test_a_window_that_cannot_be_is_refused_before_a_run(
    since: datetime | None, until: datetime | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        request_for(users_spec(), "window", since, until, no_wait=False, now=NOW)


@pytest.mark.parametrize("name", ["users", "users_sync"])
def test_a_source_is_named_by_noun_or_folder(name: str) -> None:
    assert sync_request(name, "incremental").job_name == "users_sync_job"
    assert retry_request(name, is_all=True).run_config == {
        "ops": {"users_retry": {"config": {"is_all": True}}}
    }
    assert replay_request(name).job_name == "users_replay_job"


def test_an_unknown_name_lists_the_known_ones() -> None:
    instances = [ApiSync(users_spec(), "users_sync"), ApiSync(users_spec(source="orders"), "orders_sync")]
    with pytest.raises(UsageError, match=r"no sync named `user`\. Known: orders, users"):
        source_named("user", instances)
