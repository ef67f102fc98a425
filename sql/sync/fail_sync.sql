-- Purpose: close the unfinished syncs of a run as failed and add the reason to their errors.
-- Parameters: source, run_id, error (JSON list with one {page, error, timestamp}), completed_at
-- Grain: returns a row for each sync that was closed. Rerun: nothing is left to close.
update sync_logs
set
    status = 'failed',
    errors = errors || %(error)s,
    completed_at = %(completed_at)s,
    duration_seconds = extract(epoch from %(completed_at)s - started_at)
where
    source = %(source)s
    and coalesce(adopted_by, run_id) = %(run_id)s
    and status = 'running'
returning sync_id
