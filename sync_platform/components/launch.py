"""How the CLI starts a run: what Dagster's launch dialog would be told, whatever the flow.

Here belong the request and finding an instance by the name that a person gave. Launching itself is the
CLI's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sync_platform.vocabulary import UsageError

NO_WAIT_TAG = "sync_platform/no_wait"
"""A run with this tag fails at once where it would wait for another one of its kind."""


class _Named(Protocol):
    @property
    def names(self) -> tuple[str, ...]:
        """What a person may call it: its noun, then its folder."""
        ...


Instance = TypeVar("Instance", bound=_Named)


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One run to launch.

    Attributes:
        job_name: the Dagster job.
        partition_key: its one partition, or None: an unpartitioned source, or a range in `tags`.
        run_config: what the run is told.
        tags: of the run.
    """

    job_name: str
    partition_key: str | None
    run_config: Mapping[str, object]
    tags: Mapping[str, str]


def wait_tags(*, no_wait: bool) -> dict[str, str]:
    """The tags that say whether a run waits for its turn."""
    return {NO_WAIT_TAG: "true"} if no_wait else {}


def instance_named(name: str, instances: Sequence[Instance], *, kind: str) -> Instance:
    """Find an instance by one of its names.

    Args:
        name: as a person gave it.
        instances: all there are.
        kind: what they are: sync, push.

    Raises:
        UsageError: there is none; the message lists those that are.
    """
    for instance in instances:
        if name in instance.names:
            return instance
    known = ", ".join(sorted(instance.names[0] for instance in instances)) or "none"
    raise UsageError(f"There is no {kind} named `{name}`. Known: {known}.")
