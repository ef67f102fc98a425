-- Purpose: show the latest pushes, as `sync-platform status` does.
-- Parameters: none
-- Grain: one row a push, newest first, at most 10.
select
    push_id,
    target,
    kind,
    status,
    selected,
    delivered,
    already_delivered,
    suppressed,
    dead,
    in_doubt,
    planned,
    duration_seconds::double precision as duration_seconds,
    completed_at
from push_logs
order by completed_at desc nulls first, push_id desc
limit 10
