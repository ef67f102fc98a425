-- Purpose: write the plan into the ledger; what is delivered already is not touched.
-- Parameters: target, push_id, round_id
-- Grain: one row a (target, customer_id). Rerun: a new push plans the same again and changes no key.
with numbered as (
    select
        judged.*,
        judged.generation + case
            when judged.verdict = 'changed' and (judged.attempts > 0 or judged.status = 'delivered') then 1
            else 0
        end as next_generation,
        judged.verdict in ('same', 'withdrawn') as is_kept
    from push_judged as judged
    where judged.verdict <> 'already'
)

insert into push_deliveries as held (
    target,
    customer_id,
    payload,
    request,
    payload_hash,
    generation,
    idempotency_key,
    status,
    attempts,
    last_status_code,
    last_error,
    delivered_hash,
    doubts,
    push_id,
    round_id,
    position,
    intent_at,
    finished_at
)
select
    %(target)s,
    customer_id,
    payload,
    request,
    payload_hash,
    next_generation,
    encode(
        sha256(
            convert_to(
                concat_ws(E'\n', %(target)s::text, customer_id, payload_hash, next_generation::text),
                'UTF8'
            )
        ), 'hex'
    ) as idempotency_key,
    case verdict
        when 'same' then status
        when 'withdrawn' then 'delivered'
        else 'planned'
    end as status,
    case when is_kept then attempts else 0 end as attempts,
    case when is_kept then last_status_code end as last_status_code,
    case when verdict = 'same' then last_error end as last_error,
    delivered_hash,
    doubts,
    %(push_id)s,
    %(round_id)s,
    position,
    case when is_kept then intent_at end as intent_at,
    case when is_kept then finished_at end as finished_at
from numbered
order by position
on conflict (target, customer_id) do update
    set
        payload = excluded.payload,
        request = excluded.request,
        payload_hash = excluded.payload_hash,
        generation = excluded.generation,
        idempotency_key = excluded.idempotency_key,
        status = excluded.status,
        attempts = excluded.attempts,
        tries = 0,
        last_status_code = excluded.last_status_code,
        last_error = excluded.last_error,
        push_id = case when excluded.status = 'delivered' then held.push_id else excluded.push_id end,
        round_id = excluded.round_id,
        position = excluded.position,
        planned_at = case when excluded.status = 'planned' then now() else held.planned_at end,
        intent_at = excluded.intent_at,
        next_attempt_at = null,
        finished_at = excluded.finished_at
