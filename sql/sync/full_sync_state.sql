-- Purpose: tell when the source was last read in full, and when it was first read at all.
-- Parameters: source
-- Grain: one row: last_full_at, first_sync_at; null where there is none.
select
    max(started_at) filter (where sync_type = 'full' and proof <> 'none') as last_full_at,
    min(started_at) as first_sync_at
from sync_logs
where
    source = %(source)s
    and status in ('completed', 'completed_with_errors')
