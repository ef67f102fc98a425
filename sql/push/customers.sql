-- Purpose: all customers, for a push; the asset `customers`.
-- Grain: one row a customer, in a stable order. Rerun: what is there then.
select
    customer_id,
    email,
    name,
    status
from customers
order by customer_id
