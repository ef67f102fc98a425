-- Purpose: give waiting customers their tries back: the failures were the receiver's, not theirs.
-- Parameters: target, push_id
-- Grain: waiting rows of this push that have been tried. Rerun: the same.
update push_deliveries
set
    tries = 0,
    next_attempt_at = clock_timestamp()
where
    target = %(target)s
    and push_id = %(push_id)s
    and status in ('planned', 'in_doubt')
    and next_attempt_at is not null
