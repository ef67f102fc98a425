-- workflow_runs: what of each workflow is taken, by whom, and how it ended. Grain: one row a (workflow, key),
-- the last attempt; attempt counts launches. holder is the token of whoever may write for it. status:
-- running, done, failed (tried again at next_attempt_at, or never by itself where that is null), paused
-- (resumes when its row is due again). lease_until is by this server's clock: a running row whose lease is
-- over is dead. verdict is set when the steps are over, before the actions that follow; failures counts
-- failed attempts.
create table workflow_runs (
    workflow text not null,
    key text not null,
    attempt integer not null,
    status text not null check (status in ('running', 'done', 'failed', 'paused')),
    verdict text check (verdict in ('done', 'failed')),
    failures integer not null default 0,
    lease_until timestamptz not null,
    next_attempt_at timestamptz,
    failed_step text,
    reason text,
    run_id text not null,
    holder text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (workflow, key)
);

create index workflow_runs_running_idx on workflow_runs (workflow, lease_until) where status = 'running';
