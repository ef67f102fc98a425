-- Purpose: count where the customers that a push planned have ended.
-- Parameters: target, push_id
-- Grain: one row; what is still sending when a push ends without a word is in doubt. Rerun: as it is then.
select
    count(*) filter (where status = 'delivered') as delivered,
    count(*) filter (where status = 'suppressed') as suppressed,
    count(*) filter (where status = 'dead') as dead,
    count(*) filter (where status in ('in_doubt', 'sending')) as in_doubt,
    count(*) filter (where status = 'planned') as planned
from push_deliveries
where
    target = %(target)s
    and push_id = %(push_id)s
