"""A push in a process of its own, which a test can kill or stop: `python -m … < order.json`.

Reads `{keywords, spec, run_id}` from standard input and writes how it ended as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from sync_platform.push.push import run_push
from sync_platform.push.spec import ApiPushSpec
from sync_platform.vocabulary import SyncPlatformError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import context_of


def start_pusher(address: DatabaseAddress, spec: ApiPushSpec) -> subprocess.Popen[str]:
    """Start a push; the caller waits for it or kills it."""
    pusher = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    order = {"keywords": dict(address.keywords), "spec": spec.model_dump(by_alias=True, exclude_none=True)}
    assert pusher.stdin is not None
    pusher.stdin.write(json.dumps(order))
    pusher.stdin.close()
    pusher.stdin = None
    return pusher


def ended(pusher: subprocess.Popen[str]) -> Mapping[str, Any]:
    """Wait for a push and return what it said, or nothing where it was killed."""
    said, _ = pusher.communicate(timeout=100)
    return dict(json.loads(said)) if said else {}


def main() -> None:
    order = json.load(sys.stdin)
    address = DatabaseAddress(tuple(sorted(order["keywords"].items())))
    try:
        report = run_push(context_of(address, ApiPushSpec.model_validate(order["spec"]), run_id="a child"))
    except SyncPlatformError as error:
        sys.stdout.write(json.dumps({"error": type(error).__name__}))
    else:
        sys.stdout.write(json.dumps({"status": report.status, **report.account.terms()}))


if __name__ == "__main__":
    main()
