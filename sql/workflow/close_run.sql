-- Purpose: end an attempt.
-- Parameters: workflow, key, holder, status, reason, now
-- Grain: one row; none where another one has taken the key over. Rerun: it is closed already.
update workflow_runs
set
    status = %(status)s,
    reason = coalesce(%(reason)s, reason),
    finished_at = %(now)s
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
returning key
