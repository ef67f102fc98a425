-- Purpose: count delivered items whose step after them is still to be done.
-- Parameters: target
-- Grain: one row. Rerun: counts again.
select count(*) as pending
from push_after_each
where target = %(target)s
