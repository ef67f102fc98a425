"""What `up` runs once: every sync, then some customers of every push, then what is due of every workflow.

Here belongs which instances there are, and how each is run for a first look; a push that goes on for hours at
its own pace is started by hand.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_DEFS = Path(__file__).parents[1] / "defs"
_TYPE = re.compile(r"^type:\s*[\"']?[\w.]+\.(ApiSync|ApiPush|Workflow)\b", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SANDBOX_LIMIT = 200
_SANDBOX_RATE = 50
_OWN_LIMIT = 5
_CAMPAIGN_SYSTEMS = {"CAMPAIGN_CMS_URL", "CAMPAIGN_CACHE_URL", "CAMPAIGN_NOTIFY_URL"}


@dataclass(frozen=True, slots=True)
class Flow:
    """One instance to run once.

    Attributes:
        folder: in `defs/`, which is its name on the command line.
        arguments: of `sync-platform`.
        said: what a person is told before it runs, or None.
    """

    folder: str
    arguments: tuple[str, ...]
    said: str | None = None


_EXAMPLES = Flow("campaign_launch", ("workflow", "plan-examples"))
"""Where the sandbox plays all the systems of a campaign, there is something to see."""


def flows(stood_in: Collection[str], defs: Path = _DEFS) -> tuple[Flow, ...]:
    """List the instances that `up` runs once: syncs, pushes, workflows, each by name.

    Only the type is looked at here. A wrong file is refused where it is loaded, with line and field.

    Args:
        stood_in: the variables whose systems are the sandbox's.
        defs: the folder of instances.
    """
    texts = {file.parent.name: file.read_text(encoding="utf-8") for file in sorted(defs.glob("*/defs.yaml"))}
    kinds = {folder: found[1] for folder, text in texts.items() if (found := _TYPE.search(text))}
    syncs = [Flow(folder, ("sync", folder)) for folder, kind in kinds.items() if kind == "ApiSync"]
    pushes = [
        _push(folder, is_sandboxed=not set(_VARIABLE.findall(texts[folder])).isdisjoint(stood_in))
        for folder, kind in kinds.items()
        if kind == "ApiPush"
    ]
    workflows = [
        Flow(folder, ("workflow", "run", folder), f"{folder}: what is due now")
        for folder, kind in kinds.items()
        if kind == "Workflow"
    ]
    examples = [_EXAMPLES] if workflows and set(stood_in) >= _CAMPAIGN_SYSTEMS else []
    return (*syncs, *pushes, *examples, *workflows)


def _push(folder: str, *, is_sandboxed: bool) -> Flow:
    if is_sandboxed:
        quick = ("--limit", str(_SANDBOX_LIMIT), "--max-requests-per-s", str(_SANDBOX_RATE))
        pace = f"{_SANDBOX_RATE} a second instead of its own pace"
        said = f"{folder}: at most {_SANDBOX_LIMIT} to the sandbox, at {pace}"
        return Flow(folder, ("push", folder, *quick), said)
    said = (
        f"{folder}: at most {_OWN_LIMIT} to your receiver, at its own pace; "
        f"`sync-platform push {folder}` sends all"
    )
    return Flow(folder, ("push", folder, "--limit", str(_OWN_LIMIT)), said)
