-- Purpose: record how a retry or a replay ended; it proves nothing, so its status only tells what is open.
-- Parameters: sync_id, pages, bytes, errors, status, completed_at, records_processed and the account's terms
-- Grain: the row of the retry or replay, while it is running. Rerun: nothing more is written.
update sync_logs
set
    status = %(status)s,
    completed_at = %(completed_at)s,
    duration_seconds = extract(epoch from %(completed_at)s - started_at),
    pages = %(pages)s,
    bytes = %(bytes)s,
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
    pages_queued = %(pages_queued)s,
    "distinct" = %(distinct_keys)s
where
    sync_id = %(sync_id)s
    and status = 'running'
