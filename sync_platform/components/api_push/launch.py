"""How the CLI starts a push or a replay: the job and config of the run, for a push that a person named.

Here belongs what Dagster's launch dialog would be told. Launching itself is the CLI's.
"""

from collections.abc import Sequence

from sync_platform.components.api_push.component import ApiPush
from sync_platform.components.api_push.config import PushConfig, run_config_of, spec_for
from sync_platform.components.instances import component_tree
from sync_platform.components.launch import LaunchRequest, instance_named, wait_tags


def push_request(
    name: str,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    wait_s: float | None = None,
    max_requests_per_s: float | None = None,
    no_wait: bool = False,
) -> LaunchRequest:
    """Make the run of one push.

    Args:
        name: what it sends, the push's name, or its instance's folder: `customers` or `customer_push`.
        limit: at most this many items.
        dry_run: show what would be sent, and send nothing.
        wait_s: seconds from a reply to the next request, instead of the YAML's pace.
        max_requests_per_s: requests a second, instead of the YAML's pace.
        no_wait: fail instead of waiting for another push of the name.

    Raises:
        UsageError: no such push (the message lists them), or a pace that cannot be.
    """
    push = push_named(name)
    config = PushConfig(
        limit=limit, dry_run=dry_run or None, wait_s=wait_s, max_requests_per_s=max_requests_per_s
    )
    spec_for(push.spec, config)
    return LaunchRequest(
        job_name=push.named.job,
        partition_key=None,
        run_config=run_config_of(push.named, config),
        tags=wait_tags(no_wait=no_wait),
    )


def replay_request(name: str, *, no_wait: bool = False) -> LaunchRequest:
    """Make the run that sends again what a push could not deliver.

    Raises:
        UsageError: no such push; the message lists them.
    """
    return LaunchRequest(
        job_name=push_named(name).named.replay_job,
        partition_key=None,
        run_config={},
        tags=wait_tags(no_wait=no_wait),
    )


def all_pushes() -> Sequence[ApiPush]:
    """Every push that stands in `defs/`."""
    return component_tree().get_all_components(of_type=ApiPush)


def push_named(name: str) -> ApiPush:
    """Find a push by one of its names.

    Raises:
        UsageError: there is none; the message lists those that are.
    """
    return instance_named(name, all_pushes(), kind="push")
