-- Purpose: write in a sync's account where the rows of its queued batch ended, and name its status anew: the
-- errors stay as history, the status tells what is open.
-- Parameters: sync_id, accounted (how many rows it were), and the terms in which a row can end
-- Grain: the sync's row; not when it is running, or when its rows were loaded in another way meanwhile.
-- Rerun: counts again, so it goes with the entry's own end.
update sync_logs
set
    records_processed = records_processed + %(inserted)s + %(updated)s + %(unchanged)s,
    queued = greatest(queued - %(accounted)s, 0),
    inserted = inserted + %(inserted)s,
    updated = updated + %(updated)s,
    unchanged = unchanged + %(unchanged)s,
    stale = stale + %(stale)s,
    duplicate = duplicate + %(duplicate)s,
    deleted = deleted + %(deleted)s,
    quarantined = quarantined + %(quarantined)s,
    status = case
        when status = 'failed' then status
        when pages_queued > 0 or queued > %(accounted)s or quarantined + %(quarantined)s > 0
            then 'completed_with_errors'
        when proof = 'none' then 'unproven'
        else 'completed'
    end
where
    sync_id = %(sync_id)s
    and status <> 'running'
    and queued > 0
