-- Purpose: invoices that are overdue and of which nobody was reminded yet; the trigger.
-- Parameters: now, lead_s
-- Grain: one row an invoice, the oldest first.
select
    invoice_id,
    customer_id,
    due_on
from invoices
where
    paid_at is null
    and reminded_at is null
    and due_on < (%(now)s + make_interval(secs => %(lead_s)s))::date
order by due_on, invoice_id
