"""What `sync-platform replay NAME` launches: a name is a sync's or a push's, and each has its own ledger."""

from sync_platform.cli.books import Books
from sync_platform.cli.push_account import PUSHES
from sync_platform.cli.sync_account import SYNCS
from sync_platform.components.api_push import launch as push_launch
from sync_platform.components.api_push.component import ApiPush
from sync_platform.components.api_sync import launch as sync_launch
from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.instances import component_tree
from sync_platform.components.launch import LaunchRequest, instance_named


def replay_of(name: str, *, no_wait: bool) -> tuple[LaunchRequest, Books]:
    """Make the run that replays the quarantine of a sync or the dead letters of a push, by what `name` is.

    Raises:
        UsageError: nothing is called like this; the message lists what there is.
    """
    tree = component_tree()
    instances: list[ApiSync | ApiPush] = [
        *tree.get_all_components(of_type=ApiSync),
        *tree.get_all_components(of_type=ApiPush),
    ]
    if isinstance(instance_named(name, instances, kind="sync or push"), ApiPush):
        return push_launch.replay_request(name, no_wait=no_wait), PUSHES
    return sync_launch.replay_request(name, no_wait=no_wait), SYNCS
