-- Purpose: read one push's row of the log by its push or by its run.
-- Parameters: target, push_id (or null), run_id (or null)
-- Grain: one row, or none; the newest of a run. Rerun: reads again.
select
    push_id,
    target,
    kind,
    status,
    run_id,
    started_at,
    completed_at,
    duration_seconds::double precision as duration_seconds,
    errors,
    selected,
    delivered,
    already_delivered,
    dead,
    in_doubt,
    planned,
    requests,
    after_each_pending
from push_logs
where
    target = %(target)s
    and (push_id = %(push_id)s::bigint or run_id = %(run_id)s::text)
order by id desc
limit 1
