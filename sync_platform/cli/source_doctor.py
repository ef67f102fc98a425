"""What `sync-platform doctor NAME` prints: one page of a source, as a person reads it.

Here belongs only the showing; what is looked at stands in `pull.doctor`.
"""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from sync_platform.cli import exits
from sync_platform.components.api_sync.component import ApiSync
from sync_platform.components.api_sync.launch import source_named
from sync_platform.components.instances import component_tree
from sync_platform.home.environment import environment_mapping
from sync_platform.pull.doctor import Examination, Shown, examine


def examine_source(name: str) -> int:
    """Ask a source for one page, print what it shows, and return the exit code.

    Raises:
        UsageError: no such source (the message lists them), or a variable of its YAML is unset.
    """
    spec = source_named(name, component_tree().get_all_components(of_type=ApiSync)).spec
    found = examine(spec, environment_mapping())
    console = Console()
    for line in summary(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if found.fields:
        console.print(_table("First record", found.fields))
    if found.columns:
        console.print(_table("Columns", found.columns))
    for problem in found.problems or ("nothing is wrong with this page",):
        console.print(f"{'WRONG' if found.problems else 'ok':<6}{problem}", markup=False, soft_wrap=True)
    return exits.FAILED if found.problems else exits.COMPLETE


def summary(found: Examination) -> Iterator[str]:
    """The lines above the tables."""
    yield f"{'asked':<10}{found.request}"
    yield f"{'status':<10}{'no answer' if found.status is None else found.status}"
    yield f"{'records':<10}{found.records}"
    yield f"{'total':<10}{found.total}"
    yield f"{'next':<10}{found.following}"


def _table(title: str, rows: tuple[Shown, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    has_counts = any(row.filled is not None for row in rows)
    for heading in ("name", "type", "value (masked)", *(["filled"] if has_counts else [])):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.type, row.value, *([str(row.filled)] if has_counts else []))
    return table
