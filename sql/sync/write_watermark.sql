-- Purpose: move a watermark forward, never back; a token has no order and is replaced.
-- Parameters: key, value, kind (time: RFC 3339, UTC, microseconds, so that text order is time order;
-- integer; token)
-- Grain: the key's row. Rerun: nothing changes.
insert into sync_metadata (key, value, updated_at)
values (%(key)s, %(value)s, now())
on conflict (key) do update set
    value = excluded.value,
    updated_at = excluded.updated_at
where
case %(kind)s
    when 'time' then sync_metadata.value < excluded.value
    when 'integer' then sync_metadata.value::numeric < excluded.value::numeric
    else sync_metadata.value <> excluded.value
end
