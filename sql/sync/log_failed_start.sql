-- Purpose: record a run that failed before it could begin a sync.
-- Parameters: sync_id, source, sync_type, run_id, error (JSON list), completed_at
-- Grain: one row; nothing when the run already has one. Rerun: nothing more is written.
insert into sync_logs (
    sync_id, source, sync_type, run_id, status, proof,
    records_processed, pages, errors,
    started_at, completed_at, duration_seconds
)
values (
    %(sync_id)s, %(source)s, %(sync_type)s, %(run_id)s, 'failed', 'none',
    0, 0, %(error)s,
    %(completed_at)s, %(completed_at)s, 0
)
