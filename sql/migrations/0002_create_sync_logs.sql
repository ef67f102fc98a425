-- sync_logs: one account a sync. Grain: one row a (source, sync_id); sync_id is the start in nanoseconds. A
-- row begins as running and is closed once. seen is the sum of inserted, updated, unchanged, stale,
-- duplicate, outside_window, deleted, quarantined and queued; records_processed is inserted + updated +
-- unchanged. run_id is the run that began the sync, adopted_by one that went on with it. Windows and
-- watermarks are text as the source writes them: RFC 3339 in UTC with microseconds, or an integer.
-- errors is a list of {page, error, timestamp}; an error never quotes a value.
create table sync_logs (
    id bigint generated always as identity primary key,
    sync_id bigint not null,
    source text not null,
    sync_type text not null check (sync_type in ('incremental', 'window', 'full', 'retry')),
    status text not null check (
        status in ('running', 'completed', 'completed_with_errors', 'unproven', 'failed')
    ),
    run_id text,
    adopted_by text,
    started_at timestamptz not null,
    completed_at timestamptz,
    created_at timestamptz not null default now(),
    duration_seconds numeric(12, 2),

    records_processed bigint not null default 0,
    pages bigint not null default 0,
    bytes bigint not null default 0,
    errors jsonb not null default '[]' check (jsonb_typeof(errors) = 'array'),

    window_since text,
    window_until text,
    watermark_before text,
    watermark_after text,
    newest_source_updated_at text,
    proof text,

    seen bigint not null default 0,
    inserted bigint not null default 0,
    updated bigint not null default 0,
    unchanged bigint not null default 0,
    stale bigint not null default 0,
    duplicate bigint not null default 0,
    outside_window bigint not null default 0,
    deleted bigint not null default 0,
    quarantined bigint not null default 0,
    queued bigint not null default 0,

    pages_queued bigint not null default 0,
    rows_queued_estimate bigint,
    expected bigint,
    "distinct" bigint,

    unique (source, sync_id)
);

create index sync_logs_completed_at_idx on sync_logs (source, completed_at desc);
create index sync_logs_running_idx on sync_logs (source) where status = 'running';
