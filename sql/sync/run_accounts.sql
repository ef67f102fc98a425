-- Purpose: show how the syncs of a run ended.
-- Parameters: run_id
-- Grain: one row a sync, in order; columns are the account's terms and what identifies the sync.
select
    sync_id,
    source,
    sync_type,
    status,
    proof,
    seen,
    inserted,
    updated,
    unchanged,
    stale,
    duplicate,
    outside_window,
    deleted,
    quarantined,
    queued,
    pages_queued,
    rows_queued_estimate,
    expected,
    "distinct",
    deactivated,
    records_processed,
    pages,
    duration_seconds,
    errors
from sync_logs
where coalesce(adopted_by, run_id) = %(run_id)s
order by sync_id
