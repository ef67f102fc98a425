-- Purpose: how the latest keys of all workflows stand, what failed for good first.
-- Grain: one row a (workflow, key). Rerun: what is there then.
select
    workflow,
    key,
    status,
    attempt,
    failed_step,
    reason,
    next_attempt_at,
    started_at,
    finished_at
from workflow_runs
order by (status = 'failed' and next_attempt_at is null) desc, started_at desc
limit 10
