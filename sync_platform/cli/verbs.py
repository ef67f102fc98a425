"""`sync-platform`: thin verbs over the same Dagster jobs and the same instance that the UI shows.

Here belong arguments, exit codes and nothing else. What a verb needs is imported when it runs, so that help
comes at once. Exit codes: 0 complete and balanced; 1 failed; 2 wrong usage or settings; 3 finished, with
something queued, quarantined or unproven; 130 interrupted.
"""

# ruff: noqa: PLC0415 - imports inside verbs are what makes help come at once

import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Never

import typer

from sync_platform.cli import exits
from sync_platform.vocabulary import SyncPlatformError, UsageError

if TYPE_CHECKING:
    from sync_platform.components.api_sync.launch import LaunchRequest
    from sync_platform.settings import Settings

app = typer.Typer(
    name="sync-platform",
    help="Customer data between APIs and Postgres, with books that balance.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="The source: its noun or its folder, `users` or `users_sync`.")]
AsJson = Annotated[bool, typer.Option("--json", help="End standard output with one flat JSON object.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Fail where another sync of this source runs.")]


class SyncTypeName(StrEnum):
    """The types of a sync, as the command line spells them."""

    INCREMENTAL = "incremental"
    WINDOW = "window"
    FULL = "full"


@app.command()
def up(*, once: Annotated[bool, typer.Option("--once", help="End after the accounts.")] = False) -> None:
    """Start everything: Postgres, sandbox, all flows once, and the Dagster UI until Ctrl-C."""
    from sync_platform.cli.up import run_up
    from sync_platform.settings import load_settings

    raise typer.Exit(run_up(load_settings(), once=once))


@app.command()
def sync(
    name: Name,
    *,
    sync_type: Annotated[
        SyncTypeName, typer.Option("--type", help="What to ask for.")
    ] = SyncTypeName.INCREMENTAL,
    since: Annotated[str | None, typer.Option(help="Start, inclusive: RFC 3339 or a date (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="End, exclusive: RFC 3339 or a date (UTC).")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Sync one source now, and print its account."""
    from sync_platform.components.api_sync.launch import sync_request
    from sync_platform.pull.window import parse_time
    from sync_platform.settings import load_settings

    request = sync_request(
        name,
        sync_type.value,
        parse_time(since) if since else None,
        parse_time(until) if until else None,
        no_wait=no_wait,
    )
    raise typer.Exit(_run_and_show(load_settings(), request, as_json=as_json))


@app.command()
def retry(
    name: Name,
    *,
    now: Annotated[bool, typer.Option("--now", help="Take every entry, due or not.")] = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Redo what syncs of one source had to queue, and print the account."""
    from sync_platform.components.api_sync.launch import retry_request
    from sync_platform.settings import load_settings

    request = retry_request(name, is_all=now, no_wait=no_wait)
    raise typer.Exit(_run_and_show(load_settings(), request, as_json=as_json))


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show what runs and how the latest syncs ended."""
    from sync_platform.cli import terminal
    from sync_platform.cli.ledgers import recent_syncs
    from sync_platform.home.database import open_current_database
    from sync_platform.home.running import find_running_up
    from sync_platform.settings import load_settings

    settings = load_settings()
    with open_current_database(settings) as address:
        rows = recent_syncs(address)
    running = find_running_up(settings.home)
    if as_json:
        latest: dict[str, Any] = rows[0] if rows else {}
        terminal.print_json({"is_up": running is not None, "ui_url": running and running.ui_url, **latest})
        return
    terminal.say(f"up: {running.ui_url or 'without UI'}" if running else "up: not running on this home")
    if rows:
        terminal.show_rows("Recent syncs", rows)
    else:
        terminal.say("No sync has run yet. Run `sync-platform sync users`.")


@app.command()
def doctor(
    name: Annotated[
        str | None, typer.Argument(help="A source, to look closely at one page of its API.")
    ] = None,
) -> None:
    """Check settings, database, schema and API, or one page of a source; say what to do where it lacks."""
    if name is not None:
        from sync_platform.cli.source_doctor import examine_source

        raise typer.Exit(examine_source(name))
    from sync_platform.cli import terminal
    from sync_platform.cli.doctor import examine
    from sync_platform.settings import load_settings

    codes = []
    for finding in examine(load_settings()):
        is_well = finding.exit_code == exits.COMPLETE
        typer.echo(f"{'ok' if is_well else 'WRONG':<6}{finding.what}: {finding.detail}")
        codes.append(finding.exit_code)
    exit_code = exits.worst(codes)
    terminal.say("Something lacks; each WRONG line says what to do." if exit_code else "All is well.")
    raise typer.Exit(exit_code)


@app.command()
def migrate() -> None:
    """Bring the database's schema, and Dagster's own tables, to this version."""
    from sync_platform.cli import terminal
    from sync_platform.cli.runs import upgrade_storage
    from sync_platform.home.database import open_database
    from sync_platform.home.instance import prepare_instance, purge_event_log
    from sync_platform.settings import load_settings
    from sync_platform.warehouse import migrations

    settings = load_settings()
    with open_database(settings) as address:
        applied = migrations.migrate(address)
        prepare_instance(settings, address)
        upgrade_storage()
        purge_event_log(address)
    terminal.say(f"Applied {', '.join(applied)}." if applied else "The schema is current; nothing to apply.")


def _run_and_show(settings: "Settings", request: "LaunchRequest", *, as_json: bool) -> int:
    """Run a sync's job here, print its account, and return the exit code."""
    from sync_platform.cli import terminal
    from sync_platform.cli.ledgers import accounts_of_run
    from sync_platform.cli.runs import run_here
    from sync_platform.cli.watch import watching
    from sync_platform.home.database import open_current_database
    from sync_platform.home.instance import prepare_instance

    with open_current_database(settings) as address:
        prepare_instance(settings, address)
        with watching(terminal.messages()) as lines:
            outcome = run_here(request, lines)
        accounts = accounts_of_run(address, outcome.run_id)
    for account in accounts:
        terminal.show_account(account, to_messages=as_json)
    if outcome.reason and not accounts:
        terminal.say(f"Failed: {outcome.reason}")
    if not accounts and outcome.is_success:
        terminal.say("There was nothing to do.")
    if as_json:
        last = accounts[-1] if accounts else terminal.empty_account(is_success=outcome.is_success)
        terminal.print_json(terminal.account_json(last))
    return exits.of_run(is_success=outcome.is_success, statuses=[account["status"] for account in accounts])


def main() -> Never:
    """Run the verb that the command line names, and exit; expected errors are one line."""
    # These end a verb as Ctrl-C does, so that what it started is ended too; nohup's choice is respected.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        app()
    except UsageError as error:
        _fail(str(error), exits.USAGE)
    except SyncPlatformError as error:
        _fail(str(error), exits.FAILED)
    except KeyboardInterrupt:
        _fail("Interrupted.", exits.INTERRUPTED)
    sys.exit(0)


def _fail(line: str, exit_code: int) -> Never:
    sys.stderr.write(f"{line}\n")
    sys.exit(exit_code)
