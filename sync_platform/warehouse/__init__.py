"""The ground under the tables: address, embedded server, connections, migrations, locks, bulk upsert.

Here belongs everything that speaks to Postgres and would be the same for any source. What a sync
means (windows, proofs, accounts) belongs to the engines above; this room knows nothing of them.
"""
