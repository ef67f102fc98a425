-- Purpose: read a sync's row: how far it has come and its account.
-- Parameters: sync_id
-- Grain: at most one row.
select
    status,
    proof,
    started_at,
    pages,
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
    deactivated
from sync_logs
where sync_id = %(sync_id)s
