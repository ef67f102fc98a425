"""What is printed of a run while it works: what its steps say, and nothing of Dagster's own."""

import io
import logging

import pytest
from rich.console import Console

from sync_platform.cli.watch import RunLines, watching

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
