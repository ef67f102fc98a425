"""Watching a run of this process: its lines on standard error, or bars where that is a terminal.

Here belongs showing a run while it works; what it achieved is shown by `terminal`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sync_platform.components.api_push import progress as push_progress
from sync_platform.components.api_sync.progress import describe
from sync_platform.pull.progress import ProgressEvent
from sync_platform.pull.progress import listen as listen_to_syncs
from sync_platform.push.progress import PushProgress
from sync_platform.push.progress import listen as listen_to_pushes

_VERBS = {"read": "reading", "normalize": "normalizing", "load": "loading"}


class RunLines(logging.Handler):
    """Prints what the steps of a run say, without Dagster's own events, whose tracebacks are for the UI.

    Attributes:
        skipped: lines that a bar shows already.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(level=logging.INFO)
        self._console = console
        self.skipped: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a step says, unless it stands on a bar.

        Errors are left out: Dagster repeats one for every step behind, and its reason is told at the end.
        """
        said = record.__dict__.get("dagster_meta", {})
        line = str(said.get("orig_message", record.getMessage()))
        is_of_a_step = said.get("step_key") is not None and said.get("dagster_event") is None
        if is_of_a_step and record.levelno < logging.ERROR and line not in self.skipped:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Bars:
    """One bar a step of a source, one bar a push."""

    def __init__(self, progress: Progress, lines: RunLines) -> None:
        self._progress = progress
        self._lines = lines
        self._tasks: dict[str, TaskID] = {}

    def move_sync(self, event: ProgressEvent) -> None:
        """Move the bar of a step of a sync."""
        self._lines.skipped = {describe(event)}
        total = event.batch_num if event.is_last else 100.0 if event.percent is not None else None
        completed = event.batch_num if event.is_last or event.percent is None else event.percent
        name = f"{event.source}: {_VERBS.get(event.step, event.step)}"
        self._move(name, total, completed, f"{event.records:>9,} records")

    def move_push(self, event: PushProgress) -> None:
        """Move the bar of a push."""
        self._lines.skipped = {push_progress.describe(event)}
        completed = event.sent + event.failed
        total = completed if event.is_last else event.total
        self._move(f"{event.target}: sending", total, completed, push_detail(event))

    def _move(self, name: str, total: float | None, completed: float, detail: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, detail="")
        self._progress.update(self._tasks[name], total=total, completed=completed, detail=detail)


def push_detail(event: PushProgress) -> str:
    """Say beside the bar of a push what a person waits for: sent, failed, rate, time left."""
    left = "" if event.left_s is None or event.is_last else f", {push_progress.duration(event.left_s)} left"
    return f"{event.sent:,} sent, {event.failed:,} failed, {event.rate_per_s:.3g}/s{left}"


@contextmanager
def watching(console: Console) -> Iterator[RunLines]:
    """Show what the runs of this process do meanwhile; lends the log handler that prints their lines."""
    lines = RunLines(console)
    if not console.is_terminal:
        yield lines
        return
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars = _Bars(progress, lines)
        with listen_to_syncs(bars.move_sync), listen_to_pushes(bars.move_push):
            yield lines
