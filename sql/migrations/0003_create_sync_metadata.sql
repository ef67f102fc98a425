-- sync_metadata: small facts that outlive a sync. Grain: one row a key; the users watermark is
-- last_user_sync. A watermark's value is RFC 3339 in UTC with microseconds, or an integer where the source
-- counts.
create table sync_metadata (
    key text primary key,
    value text not null,
    updated_at timestamptz not null default now()
);
