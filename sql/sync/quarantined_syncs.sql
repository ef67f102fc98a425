-- Purpose: list the syncs whose records stand in quarantine.
-- Parameters: source
-- Grain: one row a sync, oldest first.
select distinct sync_id
from sync_quarantine
where
    source = %(source)s
    and resolved_at is null
order by sync_id
