-- Purpose: name the landed rows of a sync that Postgres did not take, so that they are loaded later.
-- Parameters: sync_id, error, source, payload (the sync's id, how many blocks), next_attempt_at
-- Grain: at most one open row a sync. Rerun: nothing more is written.
insert into sync_retry_queue (
    sync_id, page, batch_num, error, status,
    source, kind, payload, attempts, next_attempt_at
)
select
    %(sync_id)s as of_sync,
    null as page,
    null as batch_num,
    %(error)s as reason,
    'pending' as status,
    %(source)s as of_source,
    'batch' as kind,
    %(payload)s as place,
    0 as attempts,
    %(next_attempt_at)s as due_at
where
    not exists (
        select from sync_retry_queue
        where
            sync_id = %(sync_id)s
            and kind = 'batch'
            and status in ('pending', 'running')
    )
