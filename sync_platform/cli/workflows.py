"""`sync-platform workflow`: runs a workflow by hand, for one key or for all that is due.

Here belong arguments and nothing else; running and showing stand in `workflow_runs`, imported when asked for.
"""

# ruff: noqa: PLC0415 - imports inside verbs are what makes help come at once

from typing import Annotated

import typer

app = typer.Typer(help="Steps that run for each row of a query, once.", no_args_is_help=True)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="The workflow, such as `campaign_launch`.")],
    *,
    key: Annotated[str | None, typer.Option(help="The key; without it, all that is due now.")] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable; may be repeated.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="End standard output with one flat JSON object.")
    ] = False,
) -> None:
    """Run a workflow now, and show how each step stands. What is done, or not due, is left alone."""
    from sync_platform.cli.workflow_runs import run_and_show

    raise typer.Exit(run_and_show(name, key, variables or [], as_json=as_json))


@app.command("plan-examples", hidden=True)
def plan_examples() -> None:
    """Plan three campaigns for a first look, on the embedded Postgres only; again changes nothing."""
    from sync_platform.cli.example_campaigns import plan

    plan()
