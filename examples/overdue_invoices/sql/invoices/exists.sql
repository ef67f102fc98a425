-- Purpose: tell an invoice that is not overdue from one that nobody knows.
-- Parameters: key
-- Grain: one row, or none.
select invoice_id
from invoices
where invoice_id = %(key)s
