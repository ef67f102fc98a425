-- Purpose: commit the intent to send some customers, while the target is still this push's.
-- Parameters: target, push_id, statuses (planned, and in_doubt where these are resent), after (position of
-- the last customer that was claimed for the first time), up_to (position of the last one that may be), most,
-- hold_s (until the pace allows the next send), prefers_fresh (who has not been tried comes first)
-- Grain: one row a claimed customer; none when nothing is due, or when another push took the target over.
-- Retries that are due come first, unless the receiver is in doubt. Rerun: claims the next ones.
with fence as (
    update push_targets
    set next_send_at = clock_timestamp() + make_interval(secs => %(hold_s)s)
    where
        target = %(target)s
        and push_id = %(push_id)s
    returning target
),

retries as (
    select
        waiting.customer_id,
        waiting.position,
        %(prefers_fresh)s as is_later
    from push_deliveries as waiting
    where
        waiting.target = %(target)s
        and waiting.push_id = %(push_id)s
        and waiting.status in ('planned', 'in_doubt')
        and waiting.status = any(%(statuses)s)
        and waiting.next_attempt_at is not null
        and waiting.next_attempt_at <= clock_timestamp()
    order by waiting.next_attempt_at
    limit %(most)s
),

fresh as (
    select
        waiting.customer_id,
        waiting.position,
        not %(prefers_fresh)s as is_later
    from push_deliveries as waiting
    where
        waiting.target = %(target)s
        and waiting.push_id = %(push_id)s
        and waiting.status in ('planned', 'in_doubt')
        and waiting.status = any(%(statuses)s)
        and waiting.next_attempt_at is null
        and waiting.position > %(after)s
        and waiting.position <= %(up_to)s
    order by waiting.position
    limit %(most)s
),

due as (
    select customer_id
    from (
        select * from retries
        union all
        select * from fresh
    ) as both_kinds
    order by is_later asc, position asc
    limit %(most)s
)

update push_deliveries as claimed
set
    status = 'sending',
    claimed_from = claimed.status,
    attempts = claimed.attempts + 1,
    tries = claimed.tries + 1,
    doubts = claimed.doubts + 1,
    intent_at = clock_timestamp(),
    next_attempt_at = null
from due, fence
where
    claimed.target = fence.target
    and claimed.customer_id = due.customer_id
returning
    claimed.customer_id,
    claimed.payload::text as payload,
    claimed.request,
    claimed.generation,
    claimed.idempotency_key,
    claimed.position,
    claimed.attempts,
    claimed.tries,
    claimed.claimed_from
