-- Purpose: keep a record that broke the contract, as received, with the reason.
-- Parameters: sync_id, source, page, external_id, reason, record
-- Grain: one open row a (source, external_id, reason); a record without a key counts by its bytes.
-- Returns its id. Rerun: updates the row.
insert into sync_quarantine (sync_id, source, page, external_id, reason, record)
values (%(sync_id)s, %(source)s, %(page)s, %(external_id)s, %(reason)s, %(record)s)
on conflict (source, record_identity, reason) where resolved_at is null do update
    set
        sync_id = excluded.sync_id,
        page = excluded.page,
        record = excluded.record
returning id
