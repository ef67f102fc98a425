-- Purpose: find pushes of other runs that say running.
-- Parameters: target, run_id
-- Grain: one row a push. Rerun: asks again.
select
    push_id,
    run_id,
    selected,
    already_delivered,
    requests
from push_logs
where
    target = %(target)s
    and status = 'running'
    and run_id is distinct from %(run_id)s
