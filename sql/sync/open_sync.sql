-- Purpose: record that a sync, a retry or a replay has begun.
-- Parameters: sync_id, source, sync_type, run_id, started_at, window_since, window_until, retry_of
-- Grain: one row a sync. Rerun: a second row would be a second sync; ids are nanoseconds and never reused.
insert into sync_logs (
    sync_id, source, sync_type, run_id, status, proof,
    records_processed, pages, errors,
    started_at, window_since, window_until, retry_of
)
values (
    %(sync_id)s, %(source)s, %(sync_type)s, %(run_id)s, 'running', 'none',
    0, 0, '[]'::jsonb,
    %(started_at)s, %(window_since)s, %(window_until)s, %(retry_of)s
)
