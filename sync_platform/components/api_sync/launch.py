"""How the CLI starts a sync: the job, label and config of the run, for a source that a person named.

Here belongs what Dagster's launch dialog would be told. Launching itself is the CLI's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.api_sync.config import run_config_of
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.components.instances import component_tree
from sync_platform.components.launch import LaunchRequest, instance_named, wait_tags
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import SyncOrder, SyncType, Window, plan_window

_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"


def sync_request(
    noun: str,
    sync_type: SyncType,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    no_wait: bool = False,
) -> LaunchRequest:
    """Make the run that syncs one source.

    Args:
        noun: the source's noun or its instance's folder: `users` or `users_sync`.
        sync_type: incremental, window or full.
        since: explicit start, inclusive.
        until: explicit end, exclusive.
        no_wait: fail instead of waiting for another sync of the source.

    Raises:
        UsageError: no such source (the message lists them), or a window that cannot be.
    """
    spec = source_named(noun, component_tree().get_all_components(of_type=ApiSync)).spec
    return request_for(spec, sync_type, since, until, no_wait=no_wait, now=datetime.now(UTC))


def retry_request(noun: str, *, is_all: bool = False, no_wait: bool = False) -> LaunchRequest:
    """Make the run that redoes what syncs of one source had queued.

    Args:
        noun: the source's noun or its instance's folder.
        is_all: take every entry now, due or not.
        no_wait: fail instead of waiting for a sync of the source.

    Raises:
        UsageError: no such source; the message lists them.
    """
    spec = source_named(noun, component_tree().get_all_components(of_type=ApiSync)).spec
    names = SyncNames(spec.source)
    return LaunchRequest(
        job_name=names.retry_job,
        partition_key=None,
        run_config={"ops": {names.retry_op: {"config": {"is_all": is_all}}}},
        tags=wait_tags(no_wait=no_wait),
    )


def replay_request(noun: str, *, no_wait: bool = False) -> LaunchRequest:
    """Make the run that judges the quarantine of one source anew.

    Args:
        noun: the source's noun or its instance's folder.
        no_wait: fail instead of waiting for a sync of the source.

    Raises:
        UsageError: no such source; the message lists them.
    """
    spec = source_named(noun, component_tree().get_all_components(of_type=ApiSync)).spec
    return LaunchRequest(
        job_name=SyncNames(spec.source).replay_job,
        partition_key=None,
        run_config={},
        tags=wait_tags(no_wait=no_wait),
    )


def request_for(
    spec: ApiSyncSpec,
    sync_type: SyncType,
    since: datetime | None,
    until: datetime | None,
    *,
    no_wait: bool,
    now: datetime,
) -> LaunchRequest:
    """Decide job, partitions, config and tags; pure.

    Raises:
        UsageError: the window cannot be.
    """
    order = SyncOrder(sync_type, since=since, until=until)
    window = plan_window(order, spec.incremental, watermark=None, now=now, full_is_due=False)
    partition_key, range_tags = _label(spec, window, now.date())
    times = {"since": since, "until": until}
    said = {name: time.isoformat() for name, time in times.items() if time is not None}
    return LaunchRequest(
        job_name=SyncNames(spec.source).job,
        partition_key=partition_key,
        run_config=run_config_of(spec.source, sync_type=sync_type, **said),
        tags={**range_tags, **wait_tags(no_wait=no_wait)},
    )


def source_named(name: str, instances: Sequence[ApiSync]) -> ApiSync:
    """Find a source by its noun, or by the folder of its instance.

    Raises:
        UsageError: there is none; the message lists those that are.
    """
    return instance_named(name, instances, kind="sync")


def _label(spec: ApiSyncSpec, window: Window, today: date) -> tuple[str | None, Mapping[str, str]]:
    """One partition, or a range of those that exist, for the days that a window covers."""
    if spec.first_day is None or window.first_day is None or window.last_day is None:
        return None, {}
    first = min(max(window.first_day, spec.first_day), today)
    last = max(first, min(window.last_day, today))
    if first == last:
        return first.isoformat(), {}
    return None, {_RANGE_START_TAG: first.isoformat(), _RANGE_END_TAG: last.isoformat()}
