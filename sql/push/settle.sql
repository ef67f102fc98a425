-- Purpose: write what became of requests, while the target is still this push's.
-- Parameters: target, push_id, hold_s (until the pace allows the next send; 0 leaves the target's row alone),
-- since_sent_s (since the last request began), has_after_each, and outcomes (JSON list of {customer_id,
-- outcome, status, status_code, error, retry_s, is_untried, is_undoubted, sent_s, seconds})
-- Grain: one row a (target, customer_id) and one in push_attempts, with has_after_each also one in
-- push_after_each for each delivery; returns the customers that were written, none when another push took
-- over, which has named them in doubt by then. Rerun: nothing is sending.
with fence as (
    select target
    from push_targets
    where
        target = %(target)s
        and push_id = %(push_id)s
),

held_back as (
    update push_targets as held
    set
        next_send_at = clock_timestamp() + make_interval(secs => %(hold_s)s),
        last_sent_at = clock_timestamp() - make_interval(secs => %(since_sent_s)s)
    from fence
    where
        held.target = fence.target
        and held.push_id = %(push_id)s
        and %(hold_s)s > 0
),

outcomes as (
    select
        said.customer_id,
        said.outcome,
        said.status,
        said.status_code,
        said.error,
        said.retry_s,
        said.is_untried,
        said.is_undoubted,
        said.sent_s,
        said.seconds
    from json_to_recordset(%(outcomes)s) as said (
        customer_id text,
        outcome text,
        status text,
        status_code integer,
        error text,
        retry_s double precision,
        is_untried boolean,
        is_undoubted boolean,
        sent_s double precision,
        seconds double precision
    )
),

settled as (
    update push_deliveries as held
    set
        status = outcomes.status,
        tries = held.tries - case when outcomes.is_untried then 1 else 0 end,
        last_status_code = outcomes.status_code,
        last_error = outcomes.error,
        delivered_hash = case
            when outcomes.status = 'delivered' then held.payload_hash else held.delivered_hash
        end,
        doubts = case
            when outcomes.status = 'delivered' then 0
            when outcomes.is_undoubted then held.doubts - 1
            else held.doubts
        end,
        next_attempt_at = clock_timestamp() + make_interval(secs => outcomes.retry_s),
        finished_at = case when outcomes.status in ('delivered', 'dead') then clock_timestamp() end
    from outcomes, fence
    where
        held.target = %(target)s
        and held.target = fence.target
        and held.customer_id = outcomes.customer_id
        and held.push_id = %(push_id)s
        -- Written so that the primary key finds the row, and not the index of all that are being sent.
        and held.status || '' = 'sending'
    returning
        held.target,
        held.push_id,
        held.customer_id,
        held.generation,
        held.idempotency_key,
        held.status,
        held.last_status_code,
        case when %(has_after_each)s then held.payload end as payload
),

steps as (
    insert into push_after_each (target, customer_id, idempotency_key, payload, status_code, push_id)
    select
        target,
        customer_id,
        idempotency_key,
        payload,
        last_status_code,
        push_id
    from settled
    where
        %(has_after_each)s
        and status = 'delivered'
),

written as (
    insert into push_attempts (
        target,
        customer_id,
        push_id,
        generation,
        idempotency_key,
        outcome,
        status_code,
        error,
        sent_at,
        seconds
    )
    select
        settled.target,
        settled.customer_id,
        settled.push_id,
        settled.generation,
        settled.idempotency_key,
        outcomes.outcome,
        outcomes.status_code,
        outcomes.error,
        clock_timestamp() - make_interval(secs => outcomes.sent_s) as sent_at,
        outcomes.seconds
    from settled
    inner join outcomes on settled.customer_id = outcomes.customer_id
)

select customer_id from settled
