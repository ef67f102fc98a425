-- Purpose: list delivered customers whose step after each item is still to be done.
-- Parameters: target, after (customer_id of the last one seen), most
-- Grain: one row a customer, in order. Rerun: what is left.
select
    customer_id,
    payload::text as payload,
    idempotency_key,
    last_status_code
from push_deliveries
where
    target = %(target)s
    and after_each_due
    and after_each_done_at is null
    and customer_id > %(after)s
order by customer_id
limit %(most)s
