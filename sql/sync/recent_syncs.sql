-- Purpose: show the latest syncs, as `sync-platform status` does (seed 001, "Query Recent Syncs").
-- Parameters: none
-- Grain: one row a sync, newest first, at most 10.
select
    sync_id,
    source,
    sync_type,
    status,
    proof,
    records_processed,
    pages,
    duration_seconds,
    jsonb_array_length(errors) as error_count,
    completed_at
from sync_logs
order by completed_at desc nulls first, sync_id desc
limit 10
