-- Purpose: take a key, if nobody has it and it is neither done nor finally failed.
-- Parameters: workflow, key, run_id, holder, lease_s, now, is_by_hand (take what failed whenever it was)
-- Grain: one row with the new attempt; none where it cannot be taken. Rerun: refused, the first one has it.
insert into workflow_runs as held (
    workflow, key, attempt, status, lease_until, run_id, holder, started_at
)
values (
    %(workflow)s,
    %(key)s,
    1,
    'running',
    clock_timestamp() + make_interval(secs => %(lease_s)s),
    %(run_id)s,
    %(holder)s,
    %(now)s
)
on conflict (workflow, key) do update
    set
        attempt = held.attempt + 1,
        status = 'running',
        verdict = null,
        lease_until = excluded.lease_until,
        next_attempt_at = null,
        failed_step = null,
        reason = null,
        run_id = excluded.run_id,
        holder = excluded.holder,
        started_at = excluded.started_at,
        finished_at = null
    where
    held.status = 'paused'
    or (held.status = 'failed' and (%(is_by_hand)s or held.next_attempt_at <= %(now)s))
returning attempt
