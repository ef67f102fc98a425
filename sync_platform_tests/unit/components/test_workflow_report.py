"""What the UI and the terminal show of a workflow, and how its launch is read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync_platform.components.workflow.launch import variables_from, workflow_request
from sync_platform.components.workflow.report import balance, states, step_metadata, summary
from sync_platform.components.workflow.scaffold import WorkflowScaffolder
from sync_platform.vocabulary import UsageError
from sync_platform.workflow.account import AudienceAccount
from sync_platform.workflow.reports import StepReport, WorkflowReport

BEGAN = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
SEND = StepReport(
    "send",
    "succeeded",
    attempt=2,
    started_at=BEGAN,
    finished_at=BEGAN + timedelta(seconds=1.23456),
    account=AudienceAccount(audience=3, notified=2, suppressed=1),
)
LATER = StepReport("later", "failed", attempt=2, started_at=BEGAN, finished_at=BEGAN, error="503 | no")
ALERT = StepReport("on_failure.1", "succeeded", attempt=2, started_at=BEGAN, finished_at=BEGAN)


def report(**changes: Any) -> WorkflowReport:
    base: dict[str, Any] = {
        "key": "spring",
        "attempt": 2,
        "status": "failed",
        "reason": "503",
        "failed_step": "later",
        "next_attempt_at": BEGAN,
        "started_at": BEGAN,
        "finished_at": BEGAN,
        "steps": (SEND, LATER, StepReport("last", "waiting")),
        "actions": (ALERT,),
    }
    return WorkflowReport(**{**base, **changes})


def test_a_step_shows_its_figures_its_account_and_what_its_query_told() -> None:
    shown = {"events": 7, "value": Decimal("2.5"), "first_at": BEGAN, "by": {"view": 7}, "missing": None}

    metadata = step_metadata(report(), SEND, shown)

    numbers = ("attempt", "seconds", "audience", "notified", "suppressed", "planned", "events", "value")
    assert [metadata[name].value for name in numbers] == [2, 1.235, 3, 2, 1, 0, 7, 2.5]
    assert metadata["is_balanced"].value is True
    assert metadata["first_at"].value == BEGAN.timestamp()
    assert metadata["by"].value == {"view": 7}
    assert "missing" not in metadata


def test_the_states_of_all_steps_stand_in_one_table() -> None:
    lines = states(report()).splitlines()

    assert len(lines) == 2 + 3 + 1
    assert "| send | succeeded | 1.23 | 2 | 3 = 2 notified + 1 suppressed |" in lines[2]
    assert "503 \\| no" in lines[3]
    assert "| last | waiting |" in lines[4]
    assert "on_failure.1" in lines[5]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "spring: failed, 1 of 3 steps done, attempt 2; later: 503; tried again at 2026-03-29 01:00:00Z"),
        (
            {"failed_step": None, "reason": "missed", "next_attempt_at": None},
            "spring: failed, 1 of 3 steps done, attempt 2; missed",
        ),
        (
            {"status": "done", "failed_step": None, "reason": None, "next_attempt_at": None},
            "spring: done, 1 of 3 steps done, attempt 2",
        ),
    ],
)
def test_a_line_says_how_a_key_stands(changes: dict[str, Any], said: str) -> None:
    assert summary(report(**changes)) == said


def test_an_empty_audience_is_a_sum_too() -> None:
    assert balance(AudienceAccount()) == "0 = 0"


def test_variables_on_the_command_line_keep_the_type_of_json() -> None:
    said = ["count=3", "name=Ada", "on=true", 'rule={"a": 1}', "url=a=b", "empty="]

    assert variables_from(said) == {
        "count": 3,
        "name": "Ada",
        "on": True,
        "rule": {"a": 1},
        "url": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("said", ["count", "=3", "a b=3"])
def test_a_variable_without_a_name_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="no name=value"):
        variables_from([said])


def test_a_launch_by_hand_names_job_partition_and_variables() -> None:
    request = workflow_request("campaign_close", "spring", {"drop_engagement": True})

    assert (request.job_name, request.partition_key) == ("campaign_close_job", "spring")
    assert request.run_config == {
        "ops": {"campaign_close": {"config": {"variables": {"drop_engagement": True}}}}
    }
    assert workflow_request("campaign_launch", "spring", {}).run_config == {}


@pytest.mark.parametrize(
    ("folder", "name"), [("Order-reminder", "order_reminder"), ("2026_sale", "sale"), ("--", "workflow")]
)
def test_a_folder_s_name_becomes_a_workflow_s(folder: str, name: str) -> None:
    assert WorkflowScaffolder.name_of(folder) == name
