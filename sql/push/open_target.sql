-- Purpose: take a target over for a push, and tell how long its pace still asks to wait.
-- Parameters: target, push_id
-- Grain: returns one row; was_open says that the push before never told its end. Rerun: the same. From here
-- on every other push of the target is a zombie.
with before as (
    select is_open
    from push_targets
    where target = %(target)s
)

insert into push_targets (target, push_id, is_open)
values (%(target)s, %(push_id)s, true)
on conflict (target) do update
    set
        push_id = excluded.push_id,
        is_open = true
returning
    greatest(extract(epoch from next_send_at - clock_timestamp()), 0)::double precision as wait_s,
    coalesce((select before.is_open from before), false) as was_open
