"""`sync-platform`: thin verbs over the same Dagster jobs and the same instance that the UI shows.

Here belong arguments, exit codes and nothing else. What a verb needs is imported when it runs, so that help
comes at once. Exit codes: 0 complete and balanced; 1 failed; 2 wrong usage or settings; 3 finished, with
something queued, quarantined or unproven; 130 interrupted.
"""

# ruff: noqa: PLC0415 - imports inside verbs are what makes help come at once

import signal
import sys
from enum import StrEnum
from typing import Annotated, Never

import typer

from sync_platform.cli import exits, workflows
from sync_platform.cli.garbage import look_rarely
from sync_platform.vocabulary import SyncPlatformError, UsageError

app = typer.Typer(
    name="sync-platform",
    help="Customer data between APIs and Postgres, with books that balance.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(workflows.app, name="workflow")

Name = Annotated[str, typer.Argument(help="The source: its noun or its folder, `users` or `users_sync`.")]
AsJson = Annotated[bool, typer.Option("--json", help="End standard output with one flat JSON object.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Fail where another one of this name runs.")]
PushName = Annotated[
    str, typer.Argument(help="The push: what it sends or its folder, `customers` or `customer_push`.")
]
AnyName = Annotated[str, typer.Argument(help="A sync or a push: its noun or its folder.")]


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
    import sync_platform.components.api_sync.steps  # noqa: F401 - the engine, before the run takes its turn
    from sync_platform.cli.launching import run_and_show
    from sync_platform.cli.sync_account import SYNCS
    from sync_platform.components.api_sync.launch import sync_request
    from sync_platform.pull.window import parse_time

    request = sync_request(
        name,
        sync_type.value,
        parse_time(since) if since else None,
        parse_time(until) if until else None,
        no_wait=no_wait,
    )
    raise typer.Exit(run_and_show(request, SYNCS, as_json=as_json))


@app.command()
def retry(
    name: Name,
    *,
    now: Annotated[bool, typer.Option("--now", help="Take every entry, due or not.")] = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Redo what syncs of one source had to queue, and print the account."""
    import sync_platform.components.api_sync.steps  # noqa: F401 - the engine, before the run takes its turn
    from sync_platform.cli.launching import run_and_show
    from sync_platform.cli.sync_account import SYNCS
    from sync_platform.components.api_sync.launch import retry_request

    request = retry_request(name, is_all=now, no_wait=no_wait)
    raise typer.Exit(run_and_show(request, SYNCS, as_json=as_json))


@app.command()
def push(
    name: PushName,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, masked.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many customers.")] = None,
    wait_s: Annotated[
        float | None, typer.Option("--wait-s", min=0, help="Seconds after each answer, for this push alone.")
    ] = None,
    max_requests_per_s: Annotated[
        float | None, typer.Option("--max-requests-per-s", help="Or requests a second, for this push alone.")
    ] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Send what the receiver does not have, one by one, and print the account."""
    from sync_platform.cli.launching import run_and_show, run_dry
    from sync_platform.cli.push_account import PUSHES
    from sync_platform.components.api_push.launch import push_request

    request = push_request(
        name,
        limit=limit,
        dry_run=dry_run,
        wait_s=wait_s,
        max_requests_per_s=max_requests_per_s,
        no_wait=no_wait,
    )
    run = run_dry if dry_run else run_and_show
    raise typer.Exit(run(request, PUSHES, as_json=as_json))


@app.command()
def replay(name: AnyName, *, no_wait: NoWait = False, as_json: AsJson = False) -> None:
    """Try again what ended in a ledger: the quarantine of a sync, the dead letters of a push."""
    from sync_platform.cli.launching import run_and_show
    from sync_platform.cli.replays import replay_of

    request, books = replay_of(name, no_wait=no_wait)
    raise typer.Exit(run_and_show(request, books, as_json=as_json))


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show what runs, how the latest syncs and pushes ended, and who got nothing."""
    from sync_platform.cli.overview import show_status

    show_status(as_json=as_json)


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


def main() -> Never:
    """Run the verb that the command line names, and exit; expected errors are one line."""
    look_rarely()
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
