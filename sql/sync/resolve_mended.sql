-- Purpose: close the entries that a sync made once and, normalized and loaded again, makes no more.
-- Parameters: source, sync_id, found (ids of the entries that it makes now)
-- Grain: one row an entry. Rerun: nothing is left to close.
update sync_quarantine
set resolved_at = now()
where
    source = %(source)s
    and sync_id = %(sync_id)s
    and resolved_at is null
    and id <> all(%(found)s::bigint[])
