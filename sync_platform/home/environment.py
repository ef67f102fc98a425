"""What `${NAME}` in a YAML file is looked up in, when a run needs it."""

from collections.abc import Mapping

from sync_platform.home.running import find_running_up
from sync_platform.settings import load_settings, set_variables


def environment_mapping() -> Mapping[str, str]:
    """Tell what `${NAME}` sees: the environment, `.env`, and a running `up`'s sandbox, in this order.

    An empty variable counts as unset. The sandbox stands in only for systems whose URL is set nowhere.
    """
    own = set_variables()
    running = find_running_up(load_settings().home)
    return own if running is None else running.stand_in(own)
