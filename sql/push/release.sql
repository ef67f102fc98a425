-- Purpose: take the intent back of customers to whom nothing was sent.
-- Parameters: target, push_id, customer_ids
-- Grain: those rows wait as before the claim. Rerun: nothing is sending any more.
update push_deliveries
set
    status = claimed_from,
    attempts = attempts - 1,
    tries = tries - 1,
    doubts = doubts - 1,
    next_attempt_at = clock_timestamp()
where
    target = %(target)s
    and push_id = %(push_id)s
    and status = 'sending'
    and customer_id = any(%(customer_ids)s)
