-- Purpose: tell how the sync before this one ended, so that a recovery can be told; retries are no syncs.
-- Parameters: source, sync_id
-- Grain: at most one row: status.
select status
from sync_logs
where
    source = %(source)s
    and sync_id < %(sync_id)s
    and status <> 'running'
    and sync_type not in ('retry', 'replay')
order by sync_id desc
limit 1
