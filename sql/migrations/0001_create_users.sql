-- users: the target of the shipped users sync. Grain: one row a user of the external system; key
-- external_id. metadata is {source, original_id (with its JSON type), synced_at}. updated_at and
-- metadata.synced_at say when the row last changed here; source_updated_at says when it changed there;
-- sync_id is the sync that wrote it last.
create table users (
    external_id text primary key,
    email text,
    name text,
    status text,
    metadata jsonb,
    updated_at timestamptz not null,
    source_updated_at timestamptz,
    sync_id bigint not null
);
