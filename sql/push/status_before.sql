-- Purpose: tell how the push before one ended.
-- Parameters: target, push_id
-- Grain: one row, or none. Rerun: reads again.
select status
from push_logs
where
    target = %(target)s
    and push_id < %(push_id)s
order by push_id desc
limit 1
