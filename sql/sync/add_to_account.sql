-- Purpose: add what retried pages brought to the account of the sync that had queued them, and name its
-- status anew: the errors stay as history, the status tells what is open.
-- Parameters: sync_id, pages (how many), and the terms that a page can add to
-- Grain: the sync's row; not when it is running. Rerun: adds again, so it goes with the entries' own end.
update sync_logs
set
    pages_queued = greatest(pages_queued - %(pages)s, 0),
    rows_queued_estimate
    = rows_queued_estimate - rows_queued_estimate * %(pages)s / greatest(pages_queued, %(pages)s),
    records_processed = records_processed + %(inserted)s + %(updated)s + %(unchanged)s,
    seen = seen + %(seen)s,
    inserted = inserted + %(inserted)s,
    updated = updated + %(updated)s,
    unchanged = unchanged + %(unchanged)s,
    stale = stale + %(stale)s,
    duplicate = duplicate + %(duplicate)s,
    outside_window = outside_window + %(outside_window)s,
    deleted = deleted + %(deleted)s,
    quarantined = quarantined + %(quarantined)s,
    pages = pages + %(pages)s,
    status = case
        when status = 'failed' then status
        when pages_queued > %(pages)s or queued > 0 or quarantined + %(quarantined)s > 0
            then 'completed_with_errors'
        when proof = 'none' then 'unproven'
        else 'completed'
    end
where
    sync_id = %(sync_id)s
    and status <> 'running'
