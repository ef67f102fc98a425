-- Purpose: close older entries where a record that is judged anew is refused for a reason that already stands
-- open for it: one row a (source, external_id, reason) is what the ledger promises.
-- Parameters: source, id (the entry that stays), external_id, reason
-- Grain: at most one row. Rerun: nothing is left to close.
update sync_quarantine as older
set resolved_at = now()
from sync_quarantine as entry
where
    entry.id = %(id)s
    and older.source = %(source)s
    and (older.sync_id, older.id) < (entry.sync_id, entry.id)
    and older.resolved_at is null
    and older.record_identity = md5(coalesce(%(external_id)s, encode(entry.record, 'hex')))
    and older.reason = %(reason)s
