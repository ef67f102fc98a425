-- workflow_steps: what each attempt did. Grain: one row a (workflow, key, step, attempt); actions are steps
-- named on_success.1 and so on. A step is done when any attempt's row says succeeded; a row that says running
-- and whose attempt is over was interrupted. error never quotes a value. terms: the figures of another
-- instance that it ran.
create table workflow_steps (
    workflow text not null,
    key text not null,
    step text not null,
    attempt integer not null,
    status text not null check (status in ('running', 'succeeded', 'failed', 'skipped')),
    tries integer not null default 1,
    error text,
    terms jsonb not null default '{}',
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (workflow, key, step, attempt)
);
