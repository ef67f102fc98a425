-- Purpose: count a source's open queue entries.
-- Parameters: source, at
-- Grain: one row: due (at that time, those included whose retry died or works now), pending, dead.
select
    count(*) filter (where status in ('pending', 'running') and next_attempt_at <= %(at)s) as due,
    count(*) filter (where status in ('pending', 'running')) as pending,
    count(*) filter (where status = 'dead') as dead
from sync_retry_queue
where source = %(source)s
