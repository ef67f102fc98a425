-- Purpose: tell how long until a customer may be tried again.
-- Parameters: target, push_id, statuses
-- Grain: one row; wait_s is null when no retry waits. Rerun: asks again.
-- (greatest ignores nulls, so it stands inside of min: outside, it would make 0 of "nobody".)
select min(greatest(extract(epoch from next_attempt_at - clock_timestamp()), 0))::double precision as wait_s
from push_deliveries
where
    target = %(target)s
    and push_id = %(push_id)s
    and status in ('planned', 'in_doubt')
    and status = any(%(statuses)s)
    and next_attempt_at is not null
