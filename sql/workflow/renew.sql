-- Purpose: give a sign of life.
-- Parameters: workflow, key, holder, lease_s
-- Grain: one row; none where another one has taken the key over. Rerun: renews again.
update workflow_runs
set lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
returning key
