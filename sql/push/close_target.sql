-- Purpose: say that a push sends nothing more to its target.
-- Parameters: target, push_id
-- Grain: the target's row, while it is this push's. Rerun: the same.
update push_targets
set is_open = false
where
    target = %(target)s
    and push_id = %(push_id)s
