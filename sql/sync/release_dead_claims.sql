-- Purpose: give back entries whose drain died; call it with the source's lock held.
-- Parameters: source
-- Grain: one row an entry. Rerun: nothing is left to give back.
update sync_retry_queue
set
    status = 'pending',
    updated_at = now()
where
    source = %(source)s
    and status = 'running'
