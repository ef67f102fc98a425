-- Purpose: note that the step after a delivered item is done; in one transaction with it where it is SQL.
-- Parameters: target, idempotency_key
-- Grain: returns the customer, or no row when it had been done before. Rerun: returns no row.
delete from push_after_each
where
    target = %(target)s
    and idempotency_key = %(idempotency_key)s
returning customer_id
