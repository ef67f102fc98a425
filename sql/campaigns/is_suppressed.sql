-- Purpose: whether a customer must not be told, asked right before the notification.
-- Parameters: customer_id
-- Grain: one row, the reason, or none.
select reason
from customer_suppressions
where
    customer_id = %(customer_id)s
    and (until is null or until > now())
order by until desc nulls first
limit 1
