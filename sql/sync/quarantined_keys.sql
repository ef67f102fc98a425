-- Purpose: list the keys of the records that a sync quarantined: the source brought them all the same.
-- Parameters: source, sync_id
-- Grain: one row a key; null for records whose key could not be read.
select distinct external_id
from sync_quarantine
where
    source = %(source)s
    and sync_id = %(sync_id)s
