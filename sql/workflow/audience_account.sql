-- Purpose: count where the customers of a bulk send have ended.
-- Parameters: target
-- Grain: one row; all zero before the audience is frozen. Rerun: as it is then.
select
    count(*) as audience,
    count(*) filter (where status = 'delivered') as notified,
    count(*) filter (where status = 'suppressed') as suppressed,
    count(*) filter (where status = 'dead') as dead,
    count(*) filter (where status in ('in_doubt', 'sending')) as in_doubt,
    count(*) filter (where status = 'planned') as planned
from push_deliveries
where target = %(target)s
