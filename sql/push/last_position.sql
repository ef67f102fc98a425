-- Purpose: find where a push with a limit ends.
-- Parameters: target, push_id, most
-- Grain: one row; position is 0 when nobody waits. Rerun: as it is then.
select coalesce(max(position), 0) as position
from (
    select position
    from push_deliveries
    where
        target = %(target)s
        and push_id = %(push_id)s
        and status in ('planned', 'in_doubt')
        and next_attempt_at is null
    order by position
    limit %(most)s
) as first_ones
