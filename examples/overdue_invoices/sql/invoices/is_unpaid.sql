-- Purpose: whether a reminder may go on; who pays meanwhile is not reminded.
-- Parameters: invoice_id
-- Grain: one row.
select paid_at is null as is_unpaid
from invoices
where invoice_id = %(invoice_id)s
