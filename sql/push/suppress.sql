-- Purpose: note that a customer whose turn has come is not sent to any more.
-- Parameters: target, push_id, customer_id, reason
-- Grain: that row; the intent is taken back, because nothing was sent. Rerun: nothing is sending any more.
update push_deliveries
set
    status = 'suppressed',
    last_error = %(reason)s,
    attempts = attempts - 1,
    tries = tries - 1,
    doubts = doubts - 1,
    finished_at = clock_timestamp()
where
    target = %(target)s
    and push_id = %(push_id)s
    and customer_id = %(customer_id)s
    and status = 'sending'
