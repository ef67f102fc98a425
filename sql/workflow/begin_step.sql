-- Purpose: note that a step or an action begins, while the key is this run's.
-- Parameters: workflow, key, holder, step, now
-- Grain: one row a (workflow, key, step, attempt); none where another one has taken over. Rerun: a try more;
-- what succeeded stays so.
insert into workflow_steps as known (workflow, key, step, attempt, status, started_at)
select
    workflow,
    key,
    %(step)s,
    attempt,
    'running' as status,
    %(now)s
from workflow_runs
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
on conflict (workflow, key, step, attempt) do update
    set
        status = case when known.status = 'succeeded' then known.status else 'running' end,
        tries = case when known.status = 'succeeded' then known.tries else known.tries + 1 end,
        started_at = case when known.status = 'succeeded' then known.started_at else excluded.started_at end,
        finished_at = case when known.status = 'succeeded' then known.finished_at end,
        error = null
returning status
