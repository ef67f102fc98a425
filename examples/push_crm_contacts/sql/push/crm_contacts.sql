-- Purpose: the contacts that the CRM should have; the asset `crm_contacts`.
-- Grain: one row a customer, in a stable order. Rerun: what is there then.
select
    customer_id,
    email,
    name,
    case when status = 'active' then 'customer' else 'former customer' end as lifecycle
from customers
where email is not null
order by customer_id
