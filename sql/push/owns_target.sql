-- Purpose: say whether a target is still this push's.
-- Parameters: target, push_id
-- Grain: one row, or none when another push took over. Rerun: asks again.
select target
from push_targets
where
    target = %(target)s
    and push_id = %(push_id)s
