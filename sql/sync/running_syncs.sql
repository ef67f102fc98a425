-- Purpose: find syncs that say running; with the source's lock held by somebody else, they are dead.
-- Parameters: source, run_id (the caller's own run)
-- Grain: one row a sync: sync_id, run_id.
select
    sync_id,
    coalesce(adopted_by, run_id) as run_id
from sync_logs
where
    source = %(source)s
    and status = 'running'
    and coalesce(adopted_by, run_id) is distinct from %(run_id)s
order by sync_id
