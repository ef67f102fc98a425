-- Purpose: write the account of a sync as far as it is known.
-- Parameters: sync_id, pages, bytes, proof, errors, records_processed and every term of the account
-- Grain: the sync's row. Rerun: the same.
update sync_logs
set
    pages = %(pages)s,
    bytes = %(bytes)s,
    proof = %(proof)s,
    errors = %(errors)s,
    records_processed = %(records_processed)s,
    seen = %(seen)s,
    inserted = %(inserted)s,
    updated = %(updated)s,
    unchanged = %(unchanged)s,
    stale = %(stale)s,
    duplicate = %(duplicate)s,
    outside_window = %(outside_window)s,
    deleted = %(deleted)s,
    quarantined = %(quarantined)s,
    queued = %(queued)s,
    pages_queued = %(pages_queued)s,
    rows_queued_estimate = %(rows_queued_estimate)s,
    expected = %(expected)s,
    "distinct" = %(distinct_keys)s,
    deactivated = %(deactivated)s
where
    sync_id = %(sync_id)s
    and status = 'running'
