-- Purpose: show how the pushes of a run ended.
-- Parameters: run_id
-- Grain: one row a push, in order; columns are the account's terms and what identifies the push.
select
    push_id,
    target,
    kind,
    status,
    duration_seconds::double precision as duration_seconds,
    errors,
    selected,
    delivered,
    already_delivered,
    suppressed,
    dead,
    in_doubt,
    planned,
    requests,
    after_each_pending
from push_logs
where run_id = %(run_id)s
order by push_id
