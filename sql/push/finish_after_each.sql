-- Purpose: note that the step after a delivered item is done; in one transaction with it where it is SQL.
-- Parameters: target, customer_id, idempotency_key
-- Grain: returns the customer, or no row when it had been done before. Rerun: returns no row.
update push_deliveries
set
    after_each_done_at = clock_timestamp(),
    after_each_error = null
where
    target = %(target)s
    and customer_id = %(customer_id)s
    and idempotency_key = %(idempotency_key)s
    and after_each_due
    and after_each_done_at is null
returning customer_id
