-- Purpose: write how a push ended.
-- Parameters: push_id, status, errors (JSON list to add), completed_at
-- Grain: the push's row; a closed one stays as it is. Rerun: changes nothing.
update push_logs
set
    status = %(status)s,
    errors = errors || %(errors)s,
    completed_at = %(completed_at)s,
    duration_seconds = extract(epoch from %(completed_at)s - started_at)
where
    push_id = %(push_id)s
    and status = 'running'
