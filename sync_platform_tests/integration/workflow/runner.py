"""A workflow in a process of its own, which a test can kill: `python -m … < order.json`.

Claims one key, says `claimed`, runs it, and writes how it ended as JSON.
"""

import json
import subprocess
import sys
from pathlib import Path

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.workflow.engine import claim, run_workflow
from sync_platform.workflow.reports import Claim, Order, WorkflowContext
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.integration.workflow.conftest import context_of
from sync_platform_tests.workflow_sql import statements_in

CLAIMED = "claimed"


def start_runner(context: WorkflowContext, key: str, sql_files: Path) -> subprocess.Popen[str]:
    """Start a run of a key; the caller kills it or waits for its end."""
    runner = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    order = {
        "keywords": dict(context.address.keywords),
        "spec": context.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "environment": dict(context.environment),
        "sql_files": str(sql_files),
        "key": key,
    }
    assert runner.stdin is not None
    runner.stdin.write(json.dumps(order))
    runner.stdin.close()
    runner.stdin = None
    return runner


def wait_until_claimed(runner: subprocess.Popen[str]) -> None:
    assert runner.stdout is not None
    assert runner.stdout.readline().strip() == CLAIMED


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.load(sys.stdin)
    with statements_in(Path(order["sql_files"])):
        context = context_of(
            DatabaseAddress(tuple(sorted(order["keywords"].items()))),
            WorkflowSpec.model_validate(order["spec"]),
            environment=order["environment"],
            run_id="a child",
        )
        claimed = claim(context, Order(order["key"], by="hand"))
        assert isinstance(claimed, Claim), claimed
        say(CLAIMED)
        report = run_workflow(context, claimed)
        say(json.dumps({"status": report.status}))


if __name__ == "__main__":
    main()
