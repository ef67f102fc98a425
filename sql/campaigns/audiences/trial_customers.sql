-- Purpose: a small audience to try a campaign on: the 100 active customers with the first ids.
-- Grain: one row a customer. Rerun: what is there then.
select customer_id
from customers
where status = 'active'
order by customer_id
limit 100
