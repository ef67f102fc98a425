-- Purpose: plan again what is dead, and what is parked in doubt, under its old key and with its old body.
-- Parameters: target, push_id
-- Grain: returns one row, with how many were planned. Rerun: those that died again.
with numbered as (
    select
        customer_id,
        row_number() over (order by position, customer_id) as new_position
    from push_deliveries
    where
        target = %(target)s
        and status in ('dead', 'in_doubt')
),

replanned as (
    update push_deliveries as held
    set
        status = 'planned',
        tries = 0,
        push_id = %(push_id)s,
        position = numbered.new_position,
        next_attempt_at = null,
        finished_at = null,
        planned_at = now()
    from numbered
    where
        held.target = %(target)s
        and held.customer_id = numbered.customer_id
    returning held.customer_id
)

select count(*) as planned
from replanned
