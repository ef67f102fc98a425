-- Purpose: note why the step after a delivered item failed; the next push tries it again.
-- Parameters: target, customer_id, error
-- Grain: the customer's row. Rerun: the same.
update push_deliveries
set after_each_error = %(error)s
where
    target = %(target)s
    and customer_id = %(customer_id)s
    and after_each_due
    and after_each_done_at is null
