-- Purpose: count the staged customers by what the plan does with them.
-- Grain: one row. Rerun: the same.
select
    count(*) as selected,
    count(*) filter (where verdict in ('already', 'withdrawn')) as already_delivered,
    count(*) filter (where verdict = 'same' and status = 'suppressed') as suppressed,
    count(*) filter (where verdict = 'same' and status = 'dead') as dead,
    count(*) filter (where verdict = 'same' and status = 'in_doubt') as in_doubt,
    count(*) filter (
        where verdict in ('new', 'changed') or (verdict = 'same' and status = 'planned')
    ) as planned
from push_judged
