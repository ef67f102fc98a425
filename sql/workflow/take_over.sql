-- Purpose: take a dead run over, to close it.
-- Parameters: workflow, key, holder, lease_s
-- Grain: the run's row; none where it is not dead (any more). Rerun: none, the first one has it.
update workflow_runs
set
    holder = %(holder)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
where
    workflow = %(workflow)s
    and key = %(key)s
    and status = 'running'
    and lease_until < clock_timestamp()
returning attempt, run_id, verdict, failed_step, reason, failures, next_attempt_at
