-- Purpose: what cannot be sent is printed.
-- Parameters: invoice_id, amount_due
-- Grain: one row a letter. Rerun: the same letter.
insert into letters (invoice_id, amount_due)
values (%(invoice_id)s, %(amount_due)s)
on conflict (invoice_id) do nothing
