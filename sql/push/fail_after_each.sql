-- Purpose: note why the step after a delivered item failed; the next push tries it again.
-- Parameters: target, idempotency_key, error
-- Grain: the delivery's row. Rerun: the same.
update push_after_each
set error = %(error)s
where
    target = %(target)s
    and idempotency_key = %(idempotency_key)s
