-- sync_retry_queue: what a sync could not read or write. Grain: one row a page or landed batch; key id.
-- payload holds the whole request or the batch's place, without secrets. error never quotes a value.
create table sync_retry_queue (
    id bigint generated always as identity primary key,
    sync_id bigint not null,
    source text not null,
    kind text not null,
    page integer,
    batch_num integer,
    payload jsonb not null,
    error text,
    status text not null default 'pending' check (status in ('pending', 'running', 'done', 'dead')),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index sync_retry_queue_due_idx on sync_retry_queue (source, next_attempt_at)
where status in ('pending', 'running');
create index sync_retry_queue_sync_idx on sync_retry_queue (sync_id);
