-- Purpose: name what a dead push left in the middle: a request that was begun and whose end nobody saw.
-- Parameters: target, error
-- Grain: every sending row of the target becomes in_doubt, with a row in push_attempts. Rerun: none is left.
with recovered as (
    update push_deliveries
    set
        status = 'in_doubt',
        last_error = %(error)s,
        next_attempt_at = null
    where
        target = %(target)s
        and status = 'sending'
    returning target, customer_id, push_id, generation, idempotency_key, intent_at
)

insert into push_attempts (
    target, customer_id, push_id, generation, idempotency_key, outcome, error, sent_at
)
select
    target,
    customer_id,
    push_id,
    generation,
    idempotency_key,
    'in_doubt' as outcome,
    %(error)s,
    intent_at
from recovered
