-- Purpose: write how a step or an action ended, while the key is this run's.
-- Parameters: workflow, key, holder, step, status, error, terms, now
-- Grain: one row a (workflow, key, step, attempt); none where another one has taken over. Rerun: the same;
-- what succeeded stays so.
insert into workflow_steps as known (
    workflow, key, step, attempt, status, error, terms, started_at, finished_at
)
select
    workflow,
    key,
    %(step)s,
    attempt,
    %(status)s,
    %(error)s,
    %(terms)s::jsonb,
    %(now)s as started_at,
    %(now)s as finished_at
from workflow_runs
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
on conflict (workflow, key, step, attempt) do update
    set
        status = case when known.status = 'succeeded' then known.status else excluded.status end,
        error = case when known.status = 'succeeded' then known.error else excluded.error end,
        terms = case when known.status = 'succeeded' then known.terms else excluded.terms end,
        finished_at = case
            when known.status = 'succeeded' then known.finished_at else excluded.finished_at
        end
returning status
