"""`ApiPush`: the rows of a query, sent to an HTTP endpoint one by one, as two assets of one lineage.

`component` reads the YAML and assembles; `names`, `order`, `progress` and `report` are pure decisions;
`assets`, `hooks` and `jobs` are Dagster definitions that stay light to load; `steps` runs them and alone
imports the engine; `launch` tells the CLI how to start a push or a replay.
"""
