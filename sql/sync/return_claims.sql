-- Purpose: give back claimed entries that were not really tried (no credentials, no database), uncounted.
-- Parameters: source
-- Grain: one row an entry. Rerun: nothing is left to give back.
update sync_retry_queue
set
    status = 'pending',
    attempts = greatest(attempts - 1, 0),
    updated_at = now()
where
    source = %(source)s
    and status = 'running'
