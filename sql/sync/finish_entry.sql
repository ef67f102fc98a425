-- Purpose: record how an attempt at a queue entry ended.
-- Parameters: id, status (done, pending or dead), error (null keeps the last one), next_attempt_at
-- Grain: the entry's row. Rerun: the same.
update sync_retry_queue
set
    status = %(status)s,
    error = coalesce(%(error)s, error),
    next_attempt_at = coalesce(%(next_attempt_at)s, next_attempt_at),
    updated_at = now()
where id = %(id)s
