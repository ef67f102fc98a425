"""The workflow engine: what a query says is due runs as steps, once a key, and goes on after any end.

`due` reads what is due, `claim` takes it with a lease, `walk` decides which step is next, `run` does the
steps, `closing` does what follows success and failure, `recovery` finds who died. Decisions are pure
functions; `ledger` keeps workflow_runs, workflow_steps and workflow_variables. It may use the push engine,
and knows neither Dagster nor what a workflow is for.
"""
