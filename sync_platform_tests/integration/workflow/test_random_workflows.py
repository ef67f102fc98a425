"""Workflows drawn by a seed, whose steps fail for some attempts: nothing is done twice in any."""

import random
from collections import Counter
from typing import Any

import pytest

from sync_platform.workflow.reports import WorkflowReport
from sync_platform.workflow.walk import unexpected_failures
from sync_platform_tests.integration.workflow.conftest import Flow, Make, spec_of, statuses

GRAPHS_A_SEED = 6
MOST_ATTEMPTS = 4
COIN = """
insert into done (job, step) values (%(key)s, %(step)s);
select 1 / case when exists (
    select from fails where job = %(key)s and step = %(step)s and until_attempt >= %(attempt)s
) then 0 else 1 end
"""
TAIL = f"""
steps: [{{name: a, sql: wf/coin}}]
on_failure: [{{reschedule: {{delay_s: 0, attempts: {MOST_ATTEMPTS}}}}}]
"""


def drawn_steps(dice: random.Random) -> list[dict[str, Any]]:
    """Up to seven steps that look back at up to three earlier ones, on any end, all or any."""
    names: list[str] = []
    steps = []
    for name in "abcdefg"[: dice.randint(2, 7)]:
        before = dice.sample(names, min(len(names), dice.randint(0, 3)))
        edges = [{"step": one, "on": dice.choice(["success", "failure", "completion"])} for one in before]
        steps.append({"name": name, "sql": "wf/coin", "after": {dice.choice(["all", "any"]): edges}})
        names.append(name)
    return steps


def run_to_its_end(flow: Flow, key: str) -> tuple[WorkflowReport, int]:
    """Run a key as often as it is due; what was done once stays done."""
    done_before: set[str] = set()
    for attempt in range(1, MOST_ATTEMPTS + 2):
        report = flow.run(key)
        done = {name for name, status in statuses(report).items() if status == "succeeded"}
        assert done >= done_before
        done_before = done
        if report.status == "done" or key not in flow.due():
            return report, attempt
    raise AssertionError


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_graph_and_the_failures_each_step_is_done_once_or_not_at_all(
    make: Make, seed: int
) -> None:
    dice = random.Random(seed)
    shipped = make(TAIL, statements={"coin": COIN})
    shipped.rows("create table fails (job text, step text, until_attempt integer)")
    for number in range(GRAPHS_A_SEED):
        key, steps = f"graph {number}", drawn_steps(dice)
        flow = shipped.with_context(spec=spec_of(TAIL, steps=steps), name=f"flow{number}")
        flow.add_job(key)
        for step in steps:
            flow.rows(
                "insert into fails values (%s, %s, %s)", key, step["name"], dice.choice([0, 0, 1, 2, 9])
            )
        report, attempts = run_to_its_end(flow, key)

        found = statuses(report)
        assert "waiting" not in found.values()
        assert Counter(flow.done(key)) == Counter(name for name in found if found[name] == "succeeded")
        ends = {step.step: step.status for step in report.steps}
        unexpected = unexpected_failures(flow.context.spec.steps, ends)
        assert (report.status == "failed") == bool(unexpected)
        assert attempts == MOST_ATTEMPTS or report.status == "done"
        flow.set_state(key, "over")
