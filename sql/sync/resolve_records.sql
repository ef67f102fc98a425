-- Purpose: close quarantine entries whose records are loaded.
-- Parameters: source, ids
-- Grain: one row an entry. Rerun: nothing is left to close.
update sync_quarantine
set resolved_at = now()
where
    source = %(source)s
    and id = any(%(ids)s::bigint[])
    and resolved_at is null
