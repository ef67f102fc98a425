-- Purpose: name a page that could not be read, with the whole request, so that it can be asked again.
-- Parameters: sync_id, page, error, source, payload, next_attempt_at
-- Grain: one row a page of a sync.
insert into sync_retry_queue (
    sync_id, page, batch_num, error, status,
    source, kind, payload, attempts, next_attempt_at
)
values (
    %(sync_id)s, %(page)s, null, %(error)s, 'pending',
    %(source)s, 'page', %(payload)s, 0, %(next_attempt_at)s
)
