-- Purpose: read what all attempts of a key did.
-- Parameters: workflow, key
-- Grain: one row a (step, attempt), oldest attempt first. Rerun: reads again.
select
    step,
    attempt,
    status,
    error,
    terms,
    started_at,
    finished_at
from workflow_steps
where
    workflow = %(workflow)s
    and key = %(key)s
order by attempt, started_at, step
