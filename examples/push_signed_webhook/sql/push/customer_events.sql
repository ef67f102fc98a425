-- Purpose: customers as events for a partner, who gets no e-mail address; the asset `customer_events`.
-- Grain: one row a customer, in a stable order. Rerun: what is there then.
select
    customer_id,
    name,
    status
from customers
order by customer_id
