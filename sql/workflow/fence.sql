-- Purpose: make sure, until the transaction ends, that the key is still this run's.
-- Parameters: workflow, key, holder
-- Grain: one row; none where another one has taken the key over. Rerun: asks again.
select key
from workflow_runs
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
for share
