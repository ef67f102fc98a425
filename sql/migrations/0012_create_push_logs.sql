-- push_logs: one account a push. Grain: one row a push_id, which is its start in nanoseconds. A row begins as
-- running and is closed once. selected is the sum of delivered, already_delivered, dead, in_doubt and
-- planned. status: incomplete means that the receiver or somebody stopped the push with rows still planned;
-- completed_with_errors that some are dead or in doubt. errors is a list of {error, timestamp}.
create table push_logs (
    id bigint generated always as identity primary key,
    push_id bigint not null unique,
    target text not null,
    kind text not null check (kind in ('push', 'replay')),
    status text not null check (
        status in ('running', 'completed', 'completed_with_errors', 'incomplete', 'failed')
    ),
    run_id text,
    round_id bigint not null,
    started_at timestamptz not null,
    completed_at timestamptz,
    created_at timestamptz not null default now(),
    duration_seconds numeric(12, 2),
    errors jsonb not null default '[]' check (jsonb_typeof(errors) = 'array'),

    selected bigint not null default 0,
    delivered bigint not null default 0,
    already_delivered bigint not null default 0,
    dead bigint not null default 0,
    in_doubt bigint not null default 0,
    planned bigint not null default 0,

    requests bigint not null default 0,
    after_each_pending bigint not null default 0
);

create index push_logs_target_idx on push_logs (target, started_at desc);
create index push_logs_running_idx on push_logs (target) where status = 'running';
