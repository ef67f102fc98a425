-- Purpose: move what left the quarantine to where it ended, in the account of the sync that had quarantined
-- it, and of the sync that had queued its page where that was a retry. The status is named anew.
-- Parameters: sync_id, accounted (how many records), and the terms in which a record can end
-- Grain: one or two rows; a row that counts fewer in quarantine was loaded in another way and stays.
-- Rerun: moves again, so it goes with the end of the quarantine's own rows.
update sync_logs
set
    records_processed = records_processed + %(inserted)s + %(updated)s + %(unchanged)s,
    quarantined = quarantined - %(accounted)s,
    inserted = inserted + %(inserted)s,
    updated = updated + %(updated)s,
    unchanged = unchanged + %(unchanged)s,
    stale = stale + %(stale)s,
    duplicate = duplicate + %(duplicate)s,
    deleted = deleted + %(deleted)s,
    status = case
        when status = 'failed' then status
        when pages_queued > 0 or queued > 0 or quarantined > %(accounted)s then 'completed_with_errors'
        when sync_type in ('retry', 'replay') then 'completed'
        when proof = 'none' then 'unproven'
        else 'completed'
    end
where
    (
        sync_id = %(sync_id)s
        or sync_id = (
            select redone.retry_of
            from sync_logs as redone
            where
                redone.source = %(source)s
                and redone.sync_id = %(sync_id)s
        )
    )
    and source = %(source)s
    and status <> 'running'
    and quarantined >= %(accounted)s
