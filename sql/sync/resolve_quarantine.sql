-- Purpose: close quarantine entries whose record has arrived in a good version.
-- Parameters: source, sync_id (of the good version), external_ids
-- Grain: one row an entry. Rerun: nothing is left to close.
update sync_quarantine
set resolved_at = now()
where
    source = %(source)s
    and sync_id < %(sync_id)s
    and external_id = any(%(external_ids)s)
    and resolved_at is null
