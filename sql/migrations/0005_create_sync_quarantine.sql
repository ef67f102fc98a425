-- sync_quarantine: records that broke the contract; they stand here only, as received. Key id. Grain of the
-- open ones: one row a (source, record_identity, reason), where the identity is the external_id, or the
-- record's own bytes where it has none; hashed, for no index can hold a long key. reason never quotes a
-- value. The same again: on conflict (source, record_identity, reason) where resolved_at is null do update.
create table sync_quarantine (
    id bigint generated always as identity primary key,
    sync_id bigint not null,
    source text not null,
    page integer,
    external_id text,
    reason text not null,
    record bytea not null,
    record_identity text not null generated always as (
        md5(coalesce(external_id, encode(record, 'hex')))
    ) stored,
    created_at timestamptz not null default now(),
    resolved_at timestamptz
);

create unique index sync_quarantine_open_idx on sync_quarantine (source, record_identity, reason)
where resolved_at is null;
