"""The note that a running `up` leaves in its home folder, so that other processes find its sandbox.

Here belongs what is written there and whether its writer still lives. The embedded Postgres is found by its
own home folder, and starting or stopping anything is the work of `up`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

_NOTE_NAME = "up.json"
_CLOCK_GRAIN_S = 1.0
"""A process's start time is told in clock ticks from boot, and the boot time drifts with the wall clock."""

# The first variable of a group is the system's URL: where it is set, nothing of the group is stood in for,
# because the sandbox's token must not go to somebody's own API.
_STAND_IN_GROUPS = (
    ("EXTERNAL_API_URL", "EXTERNAL_API_TOKEN"),
    ("CUSTOMER_PUSH_URL", "CUSTOMER_PUSH_TOKEN"),
    ("CAMPAIGN_CMS_URL",),
    ("CAMPAIGN_CACHE_URL",),
    ("CAMPAIGN_NOTIFY_URL",),
)


def needs_sandbox(environment: Mapping[str, str]) -> bool:
    """Say whether any outside system has no URL, so that the sandbox has to stand in for it."""
    return any(not environment.get(url) for url, *_ in _STAND_IN_GROUPS)


class ProcessMark(BaseModel):
    """One process that `up` started, told apart from a later process with the same number.

    Attributes:
        pid: its number.
        started_at_s: its start in seconds since 1970, as the operating system tells it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    started_at_s: float

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        """Mark a living process.

        Raises:
            psutil.NoSuchProcess: it has ended already.
        """
        return cls(pid=pid, started_at_s=psutil.Process(pid).create_time())

    def is_same_process(self) -> bool:
        """Say whether the process with this number is the marked one, ended but not waited for included."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started_at_s) <= _CLOCK_GRAIN_S
        except psutil.NoSuchProcess:
            return False

    def living(self) -> psutil.Process | None:
        """Find the process, or None when it has ended or its number belongs to another one now."""
        try:
            process = psutil.Process(self.pid)
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if self.is_same_process() and not is_zombie else None


class RunningUp(BaseModel):
    """What a running `up` tells other processes of the same home.

    Attributes:
        version: of this format.
        supervisor: the process of `up` itself.
        children: the processes that it started, for the cleaning up after a kill -9.
        environment: the variables that its sandbox stands in for.
        ui_url: where the Dagster UI is served, or None when it is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    supervisor: ProcessMark
    children: tuple[ProcessMark, ...] = ()
    environment: dict[str, str] = {}
    ui_url: str | None = None

    def stand_in(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Complete an environment with the sandbox's variables for every system without a URL of its own."""
        completed = dict(environment)
        for url, *others in _STAND_IN_GROUPS:
            if url in self.environment and not environment.get(url):
                completed |= {name: self.environment[name] for name in (url, *others)}
        return completed


def read_note(home: Path) -> RunningUp | None:
    """Read the note of the last `up` of this home, dead or alive; None where there is none that is whole."""
    try:
        return RunningUp.model_validate_json((home / _NOTE_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def find_running_up(home: Path) -> RunningUp | None:
    """Find the `up` that runs on this home now, or None."""
    note = read_note(home)
    return note if note is not None and note.supervisor.living() is not None else None


def write_note(home: Path, note: RunningUp) -> None:
    """Replace the note whole; its owner alone can read it. The home folder must exist."""
    draft = home / f"{_NOTE_NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(note.model_dump(mode="json"), file)
    draft.replace(home / _NOTE_NAME)


def remove_note(home: Path) -> None:
    """Remove the note; one that is gone already is no error."""
    (home / _NOTE_NAME).unlink(missing_ok=True)
