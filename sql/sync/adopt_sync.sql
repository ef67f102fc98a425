-- Purpose: let a rerun go on with a landed sync whose first run did not finish it.
-- Parameters: sync_id, run_id
-- Grain: the sync's row, unless it is complete. Rerun: the same.
update sync_logs
set
    adopted_by = %(run_id)s,
    status = 'running',
    completed_at = null
where
    sync_id = %(sync_id)s
    and status in ('running', 'failed')
