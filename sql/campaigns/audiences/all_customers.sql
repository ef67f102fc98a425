-- Purpose: the default audience of a campaign: everybody.
-- Grain: one row a customer. It is read once a send, and then stays. Rerun: what is there then.
select customer_id
from customers
order by customer_id
