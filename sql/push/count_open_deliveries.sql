-- Purpose: count what did not arrive, whatever the push.
-- Parameters: none
-- Grain: one row. Rerun: as it is then.
select count(*) as open_count
from push_deliveries
where status in ('dead', 'in_doubt')
