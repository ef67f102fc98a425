-- Purpose: tell which round of `send: all` a new push belongs to: the last one while something of it is open.
-- Parameters: target, push_id
-- Grain: one row. Rerun: the same until the round is finished.
select coalesce(
    (
        select last_push.round_id
        from (
            select
                round_id,
                status,
                planned
            from push_logs
            where
                target = %(target)s
                and kind = 'push'
            order by started_at desc, id desc
            limit 1
        ) as last_push
        where
            last_push.status in ('running', 'failed', 'incomplete')
            or last_push.planned > 0
    ), %(push_id)s
) as round_id
