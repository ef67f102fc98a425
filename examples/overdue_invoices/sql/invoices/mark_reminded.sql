-- Purpose: an invoice is reminded of, by a letter where there is one, else by mail.
-- Parameters: invoice_id
-- Grain: the invoice's row. Rerun: nothing changes.
update invoices
set
    reminded_at = coalesce(reminded_at, now()),
    reminded_by = case
        when invoice_id in (select letters.invoice_id from letters) then 'letter' else 'mail'
    end
where invoice_id = %(invoice_id)s
