-- Purpose: list the keys whose records stand in quarantine from an earlier sync,
-- to see whether a good version came.
-- Parameters: source, sync_id
-- Grain: one row a key.
select distinct external_id
from sync_quarantine
where
    source = %(source)s
    and sync_id < %(sync_id)s
    and external_id is not null
    and resolved_at is null
