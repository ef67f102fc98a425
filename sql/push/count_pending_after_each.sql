-- Purpose: count delivered customers whose step after each item is still to be done.
-- Parameters: target
-- Grain: one row. Rerun: counts again.
select count(*) as pending
from push_deliveries
where
    target = %(target)s
    and after_each_due
    and after_each_done_at is null
