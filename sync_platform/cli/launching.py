"""Running a flow's job from a verb: prepare, run, watch, show the account, tell the exit code.

Here belongs what every verb that launches does; what an account says is its books' business.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sync_platform.cli import exits, terminal
from sync_platform.cli.books import Books
from sync_platform.cli.push_account import dry_run_json, show_dry_run
from sync_platform.cli.runs import RunOutcome, run_here
from sync_platform.cli.watch import watching
from sync_platform.components.launch import LaunchRequest
from sync_platform.home.database import open_current_database
from sync_platform.home.instance import prepare_instance
from sync_platform.settings import load_settings
from sync_platform.vocabulary import SettingsError
from sync_platform.warehouse.address import DatabaseAddress


def run_and_show(request: LaunchRequest, books: Books, *, as_json: bool) -> int:
    """Run a job here, print the accounts that it left, and return the exit code.

    Raises:
        UsageError: a setting is wrong, or the database is unreachable or of another schema.
    """
    with _ran(request) as (address, outcome):
        accounts = books.of_run(address, outcome.run_id)
    for account in accounts:
        books.show(account, to_messages=as_json)
    if outcome.reason and not accounts:
        terminal.say(f"Failed: {outcome.reason}")
    if not accounts and outcome.is_success:
        terminal.say("There was nothing to do.")
    if as_json:
        last = accounts[-1] if accounts else books.empty(is_success=outcome.is_success)
        terminal.print_json(books.as_json(last))
    return exits.of_run(is_success=outcome.is_success, statuses=[account["status"] for account in accounts])


def run_dry(request: LaunchRequest, books: Books, *, as_json: bool) -> int:
    """Run a job that only shows what it would do, print that, and return the exit code.

    Raises:
        As `run_and_show`.
    """
    with _ran(request) as (_, outcome):
        found = outcome.observed
    if outcome.reason:
        terminal.say(f"Failed: {outcome.reason}")
    if outcome.is_success:
        show_dry_run(found, to_messages=as_json)
    if as_json:
        said = dry_run_json(found) if outcome.is_success else books.as_json(books.empty(is_success=False))
        terminal.print_json(said)
    return exits.of_run(is_success=outcome.is_success, statuses=[])


@contextmanager
def _ran(request: LaunchRequest) -> Iterator[tuple[DatabaseAddress, RunOutcome]]:
    """Run a job, and lend how it ended while its database can still be asked."""
    settings = load_settings()
    with open_current_database(settings) as address:
        prepare_instance(settings, address)
        with watching(terminal.messages()) as lines:
            outcome = run_here(request, lines)
        if outcome.is_settings_error:
            raise SettingsError(outcome.reason)
        yield address, outcome
