-- Purpose: claim entries of the retry queue that are due; two drains never claim the same one.
-- Parameters: source, at, is_all (true: whether due or not), most
-- Grain: one row a claimed entry, oldest first; attempts counts this one. Rerun: claims the next ones.
update sync_retry_queue
set
    status = 'running',
    attempts = attempts + 1,
    updated_at = %(at)s
where
    id in (
        select due.id
        from sync_retry_queue as due
        where
            due.source = %(source)s
            and due.status = 'pending'
            and (%(is_all)s or due.next_attempt_at <= %(at)s)
        order by due.next_attempt_at, due.id
        limit %(most)s
        for update skip locked
    )
returning id, sync_id, kind, page, batch_num, payload, attempts
