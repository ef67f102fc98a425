-- Purpose: what has to be paid by now: the amount and a late fee.
-- Parameters: invoice_id, late_fee
-- Grain: one row; the first column is saved to a variable.
select amount + %(late_fee)s::numeric as amount_due
from invoices
where invoice_id = %(invoice_id)s
