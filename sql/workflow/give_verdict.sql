-- Purpose: write how the steps ended, before the actions that follow it.
-- Parameters: workflow, key, holder, verdict, failed_step, reason, next_attempt_at, is_failure (one more)
-- Grain: one row; none where another one has taken the key over. Rerun: once an attempt and verdict.
update workflow_runs
set
    verdict = %(verdict)s,
    failed_step = %(failed_step)s,
    reason = %(reason)s,
    next_attempt_at = %(next_attempt_at)s,
    failures = failures + case when %(is_failure)s then 1 else 0 end
where
    workflow = %(workflow)s
    and key = %(key)s
    and holder = %(holder)s
    and status = 'running'
returning key
