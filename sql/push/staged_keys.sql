-- Purpose: count what was staged and the keys that the source returned more than once.
-- Grain: one row. Rerun: the same.
select
    count(*) as selected,
    count(*) - count(distinct customer_id) as repeated
from push_staged
