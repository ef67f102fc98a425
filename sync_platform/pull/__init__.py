"""The pull engine: a REST list API ends up in a Postgres table, and the books balance.

`sync` strings the steps together for the four assets. `window` decides what to ask; `read` asks it, through
`source` and `requests`, and `collect`, `seen`, `hashes` and `blocks` take the pages; `land` keeps them, and
`ahead` has `makers` work on them at once; `normalize` makes rows of them, with `records`, `times`, `casts`
and `tombstones`; `load` writes the rows; `closing` writes down what `proof`, `account` and `watermark` allow
to be claimed, in the `ledger`; `retry` redoes what failed. What a source's YAML may say is `spec` and
`grammar`; `doctor` tries it on one page. Nothing here knows Dagster.
"""
