"""The pull engine: a REST list API ends up in a Postgres table, and the books balance.

One module a step: `window` decides what to ask, `read` asks it, `land` keeps the answers, `normalize`
makes rows of them, `load` writes the rows, `proof`, `account` and `watermark` decide what may be claimed,
`ledger` writes that down, `retry` redoes what failed. `sync` strings them together for the four assets.
Nothing here knows Dagster.
"""
