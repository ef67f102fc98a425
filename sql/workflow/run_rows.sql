-- Purpose: read how one key stands, or some, or the latest ones.
-- Parameters: workflow, keys (or null for all), most
-- Grain: one row a key, latest first. Rerun: reads again.
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
    and (cast(%(keys)s as text[]) is null or key = any(cast(%(keys)s as text[])))
order by started_at desc, key asc
limit %(most)s
