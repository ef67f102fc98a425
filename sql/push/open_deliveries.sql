-- Purpose: list what did not arrive, with the reason: dead and in doubt.
-- Parameters: target, most
-- Grain: one row a customer, latest first. Rerun: as it is then.
select
    customer_id,
    status,
    attempts,
    last_status_code,
    last_error,
    coalesce(finished_at, intent_at) as since_at
from push_deliveries
where
    target = %(target)s
    and status in ('sending', 'dead', 'in_doubt')
order by coalesce(finished_at, intent_at) desc, customer_id
limit %(most)s
