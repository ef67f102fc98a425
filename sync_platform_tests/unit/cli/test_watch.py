"""What is printed of a run while it works: what its steps say, and nothing of Dagster's own."""

import io
import logging

import pytest
from rich.console import Console

from sync_platform.cli.watch import RunLines, watching
from sync_platform.components.api_push.progress import describe
from sync_platform.push.progress import PushProgress, post

LONG = "one line however narrow the terminal is " * 10


def record(line: str, level: int = logging.INFO, **said: object) -> logging.LogRecord:
    made = logging.LogRecord("dagster", level, "", 0, f"users_sync_job - run - {line}", (), None)
    made.__dict__["dagster_meta"] = {"orig_message": line, "step_key": "users", "dagster_event": None, **said}
    return made


@pytest.mark.parametrize(
    ("made", "printed"),
    [
        (record("waiting for its end [1]"), "waiting for its end [1]\n"),
        (record(LONG), f"{LONG}\n"),
        (record("a warning", logging.WARNING), "a warning\n"),
        (record("Started execution of step", dagster_event=object()), ""),
        (record("Dependencies for step users failed", logging.ERROR), ""),
        (record("of the run, not of a step", step_key=None), ""),
        (record("on a bar already"), ""),
    ],
)
def test_steps_are_heard_and_events_are_not(made: logging.LogRecord, printed: str) -> None:
    told = io.StringIO()
    with watching(Console(file=told, width=40)) as lines:
        lines.skipped = {"on a bar already"}
        lines.emit(made)

    assert told.getvalue() == printed


def test_without_a_terminal_there_are_lines_and_no_bars() -> None:
    told = io.StringIO()
    with watching(Console(file=told)) as lines:
        assert isinstance(lines, RunLines)
    assert told.getvalue() == ""


def test_on_a_terminal_a_push_is_a_bar_with_sent_failed_rate_and_time_left() -> None:
    told = io.StringIO()
    event = PushProgress("customer_push", 200, 50, 2, 0.25, 592.0, is_last=False)
    with watching(Console(file=told, width=160, force_terminal=True)) as lines:
        post(event)
        lines.emit(record(describe(event)))

    assert "customer_push: sending" in told.getvalue()
    assert "50 sent, 2 failed, 0.25/s, 9 min left" in told.getvalue()
    assert describe(event) not in told.getvalue()
