"""`Workflow`: what a query says is due runs as steps, once a key, along paths of success and failure.

`component` reads the YAML and assembles; `names`, `config` and `report` are pure; `assets`, `hooks` and
`trigger` are Dagster definitions that stay light to load; `walk`, `ticks` and `instances` run them and alone
import the engine; `launch` tells the CLI how to start one.
"""
