-- Purpose: decide for each staged customer what its ledger row becomes.
-- Parameters: target, round_id, is_all (send: all)
-- Grain: one row a staged customer, in a temporary table. verdict: new, changed (also when a new round of
-- `send: all` begins), same (planned, dead or in doubt with this payload), withdrawn (an unsent change that
-- was taken back), already (delivered). Rerun: once a push.
create temporary table push_judged as
with held as (
    select
        customer_id,
        payload_hash,
        generation,
        status,
        attempts,
        last_status_code,
        last_error,
        intent_at,
        finished_at,
        delivered_hash,
        doubts,
        %(is_all)s and round_id <> %(round_id)s as is_due_again
    from push_deliveries
    where target = %(target)s
)

select
    staged.position,
    staged.customer_id,
    staged.payload,
    staged.request,
    staged.payload_hash,
    held.status,
    held.attempts,
    held.last_status_code,
    held.last_error,
    held.intent_at,
    held.finished_at,
    held.delivered_hash,
    coalesce(held.doubts, 0) as doubts,
    case
        when held.customer_id is null then 'new'
        when held.is_due_again and held.status = 'delivered' then 'changed'
        when held.status = 'delivered' and held.payload_hash = staged.payload_hash then 'already'
        when held.payload_hash = staged.payload_hash then 'same'
        when
            held.status in ('planned', 'dead')
            and held.delivered_hash = staged.payload_hash
            and held.doubts = 0
            then 'withdrawn'
        else 'changed'
    end as verdict,
    coalesce(held.generation, 1) as generation
from push_staged as staged
left join held on staged.customer_id = held.customer_id
