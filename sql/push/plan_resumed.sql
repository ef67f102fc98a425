-- Purpose: take over what the target's ledger holds, without asking the source again.
-- Parameters: target, push_id, with_dead (whether the dead are tried again too)
-- Grain: returns one row with the terms of the account before anything is sent. Rerun: the same.
with resumed as (
    update push_deliveries
    set
        status = case when status = 'dead' and %(with_dead)s then 'planned' else status end,
        push_id = %(push_id)s,
        tries = 0,
        next_attempt_at = null
    where
        target = %(target)s
        and status <> 'delivered'
    returning status
),

delivered as (
    select count(*) as already_delivered
    from push_deliveries
    where
        target = %(target)s
        and status = 'delivered'
)

select
    count(resumed.status) + delivered.already_delivered as selected,
    delivered.already_delivered,
    count(*) filter (where resumed.status = 'dead') as dead,
    count(*) filter (where resumed.status = 'in_doubt') as in_doubt,
    count(*) filter (where resumed.status = 'suppressed') as suppressed,
    count(*) filter (where resumed.status = 'planned') as planned
from delivered
left join resumed on true
group by delivered.already_delivered
