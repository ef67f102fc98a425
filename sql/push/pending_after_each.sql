-- Purpose: list delivered items whose step after them is still to be done.
-- Parameters: target, after (id of the last one seen), most
-- Grain: one row a delivery, in the order of the deliveries. Rerun: what is left.
select
    id,
    customer_id,
    payload::text as payload,
    idempotency_key,
    status_code
from push_after_each
where
    target = %(target)s
    and id > %(after)s
order by id
limit %(most)s
