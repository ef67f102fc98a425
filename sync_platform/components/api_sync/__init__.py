"""`ApiSync`: a paginated REST API that is kept in a Postgres table, as four assets of one lineage.

`component` reads the YAML and assembles; `names`, `order`, `progress` and `report` are pure decisions;
`assets`, `hooks` and `jobs` are Dagster definitions that stay light to load; `steps` runs them and alone
imports the engine; `launch` tells the CLI how to start a sync.
"""
