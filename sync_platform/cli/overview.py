"""What `sync-platform status` shows: what runs, how the latest syncs and pushes ended, who got nothing."""

from typing import Any

from sync_platform.cli import terminal
from sync_platform.cli.ledgers import (
    Row,
    open_deliveries,
    recent_pushes,
    recent_syncs,
    recent_workflow_runs,
)
from sync_platform.components.api_push.report import shown_key
from sync_platform.home.database import open_current_database
from sync_platform.home.running import RunningUp, find_running_up
from sync_platform.settings import load_settings

_MOST_LISTED = 20


def show_status(*, as_json: bool) -> None:
    """Print the overview as tables, or the latest sync and the latest push as one flat JSON object.

    Raises:
        UsageError: a setting is wrong, or the database is unreachable or of another schema.
    """
    settings = load_settings()
    with open_current_database(settings) as address:
        syncs, pushes = recent_syncs(address), recent_pushes(address)
        undelivered, count = open_deliveries(address, most=_MOST_LISTED)
        keys = recent_workflow_runs(address)
    running = find_running_up(settings.home)
    if as_json:
        terminal.print_json(_flat(running, syncs, pushes, count) | _flat_workflows(keys))
        return
    terminal.say(f"up: {running.ui_url or 'without UI'}" if running else "up: not running on this home")
    if syncs:
        terminal.show_rows("Recent syncs", syncs)
    else:
        terminal.say("No sync has run yet. Run `sync-platform sync users`.")
    if pushes:
        terminal.show_rows("Recent pushes", list(map(_shown_push, pushes)))
    if keys:
        terminal.show_rows("Recent workflow runs", keys)
    if undelivered:
        shown = f"the latest {len(undelivered)} of {count}" if count > len(undelivered) else str(count)
        rows = [{**row, "customer_id": shown_key(row["customer_id"])} for row in undelivered]
        terminal.show_rows(f"Not delivered ({shown}); `sync-platform replay NAME` sends them again", rows)


def _shown_push(row: Row) -> Row:
    """What of a push a person looks for: its id finds nothing that its name and time do not."""
    hidden = {"push_id", "duration_seconds"} | (set() if row["suppressed"] else {"suppressed"})
    return {name: value for name, value in row.items() if name not in hidden}


def _flat(running: RunningUp | None, syncs: list[Row], pushes: list[Row], undelivered: int) -> dict[str, Any]:
    """The latest sync under its own names, the latest push with `push_` before its own."""
    push = {f"push_{name.removeprefix('push_')}": value for name, value in (pushes or [{}])[0].items()}
    latest = (syncs or [{}])[0]
    ui_url = running and running.ui_url
    return {"is_up": running is not None, "ui_url": ui_url, **latest, **push, "undelivered": undelivered}


def _flat_workflows(keys: list[Row]) -> dict[str, Any]:
    """The latest key of any workflow with `workflow_` before its names, and how many have failed for good."""
    latest = max(keys, key=lambda row: row["started_at"], default={})
    stuck = sum(row["status"] == "failed" and row["next_attempt_at"] is None for row in keys)
    named = {name if name == "workflow" else f"workflow_{name}": value for name, value in latest.items()}
    return {**named, "workflows_failed": stuck}
