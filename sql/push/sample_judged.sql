-- Purpose: show some of those whom a push would send to.
-- Parameters: most
-- Grain: one row a customer, in the source's order. Rerun: the same.
select
    customer_id,
    payload::text as payload
from push_judged
where
    verdict in ('new', 'changed')
    or (verdict = 'same' and status in ('planned', 'in_doubt', 'sending'))
order by position
limit %(most)s
