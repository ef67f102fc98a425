-- Purpose: find runs that gave no sign of life for longer than their lease.
-- Parameters: workflow
-- Grain: one row a key, oldest first. Rerun: asks again.
select key
from workflow_runs
where
    workflow = %(workflow)s
    and status = 'running'
    and lease_until < clock_timestamp()
order by lease_until
