-- Purpose: read how a key stands.
-- Parameters: workflow, key
-- Grain: one row, or none. Rerun: reads again.
select
    key,
    attempt,
    status,
    verdict,
    failures,
    next_attempt_at,
    failed_step,
    reason,
    run_id,
    started_at,
    finished_at
from workflow_runs
where
    workflow = %(workflow)s
    and key = %(key)s
