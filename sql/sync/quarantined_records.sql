-- Purpose: read records that stand in quarantine, some at a time.
-- Parameters: source, sync_id, after_id (the last one read, or 0), most
-- Grain: one row a record, by id.
select
    id,
    external_id,
    reason,
    record
from sync_quarantine
where
    source = %(source)s
    and sync_id = %(sync_id)s
    and resolved_at is null
    and id > %(after_id)s
order by id
limit %(most)s
