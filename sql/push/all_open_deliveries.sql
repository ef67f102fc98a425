-- Purpose: list what did not arrive, whatever the push, with the reason: dead and in doubt.
-- Parameters: most
-- Grain: one row a (target, customer_id), latest first. Rerun: as it is then.
select
    target,
    customer_id,
    status,
    attempts,
    last_error,
    coalesce(finished_at, intent_at) as since_at
from push_deliveries
where status in ('dead', 'in_doubt')
order by coalesce(finished_at, intent_at) desc, target asc, customer_id asc
limit %(most)s
