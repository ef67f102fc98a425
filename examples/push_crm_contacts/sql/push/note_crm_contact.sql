-- Purpose: remember when the CRM got a contact; runs once after each delivery.
-- Parameters: customer_id, push_id
-- Grain: one row a contact.
insert into crm_contacts_sent (customer_id, push_id, sent_at)
values (%(customer_id)s, %(push_id)s, now())
on conflict (customer_id) do update set push_id = excluded.push_id, sent_at = excluded.sent_at
