-- Purpose: write why a record in quarantine is refused now, and the key that can be read now; close the entry
-- where a newer one says the same of the same record.
-- Parameters: source, id, external_id, reason
-- Grain: the entry's row. Rerun: the same.
update sync_quarantine as entry
set
    external_id = %(external_id)s,
    reason = %(reason)s,
    resolved_at = case
        when
            exists (
                select from sync_quarantine as newer
                where
                    newer.source = %(source)s
                    and newer.id <> entry.id
                    and newer.resolved_at is null
                    and newer.record_identity = md5(coalesce(%(external_id)s, encode(entry.record, 'hex')))
                    and newer.reason = %(reason)s
            )
            then now()
    end
where entry.id = %(id)s
