-- Purpose: find the sync that a run began or adopted.
-- Parameters: source, run_id
-- Grain: at most one row: sync_id.
select sync_id
from sync_logs
where
    source = %(source)s
    and run_id = %(run_id)s
    and started_at is not null
order by sync_id desc
limit 1
