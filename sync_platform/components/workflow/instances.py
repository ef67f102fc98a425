"""A step that is another instance: its own verb of the command line, as a run of its own in the UI.

A process of its own, because a run cannot hold another one, and because it can then be stopped from outside
when the step's time is over. What it writes is in its own books; a step is done when those are in order.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any

from sync_platform.workflow.reports import InstanceOrder, InstanceOutcome

_LOOK_EVERY_S = 0.5
_PATIENCE_S = 30
_NOT_SHOWN = ("status", "source", "target")


def run_instance(order: InstanceOrder) -> InstanceOutcome:
    """Run a sync or push to its end, and say whether its books are in order.

    Finished with something queued, dead or unproven is no success: whoever wants to go on all the same says
    `on: completion`. A rerun is another sync or push, which does nothing twice.
    """
    command = (sys.executable, "-m", "sync_platform.cli", order.kind, order.name, "--json")
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=told, start_new_session=True
        ) as child:
            try:
                is_stopped = _wait(child, order)
            except BaseException:
                _end(child)
                raise
        account = _last_object(said)
        if is_stopped:
            return InstanceOutcome(is_success=False, reason="it was stopped", terms=_terms(account))
        if child.returncode == 0:
            return InstanceOutcome(is_success=True, terms=_terms(account))
        return InstanceOutcome(is_success=False, reason=_reason(account, told), terms=_terms(account))


def _wait(child: "subprocess.Popen[bytes]", order: InstanceOrder) -> bool:
    """Wait for the end; True where it had to be stopped."""
    while True:
        try:
            child.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if order.should_stop():
                _end(child)
                return True
        else:
            return False


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Ask it to end as Ctrl-C does, so that it closes its books; then end it."""
    child.send_signal(signal.SIGINT)
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_object(said: IO[bytes]) -> Mapping[str, Any]:
    said.seek(0)
    lines = said.read().decode(errors="replace").splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _terms(account: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in account.items() if name not in _NOT_SHOWN and value is not None}


def _reason(account: Mapping[str, Any], told: IO[bytes]) -> str:
    if account:
        return f"it ended as {account.get('status')}; its own account says what is left"
    told.seek(0)
    lines = told.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"
