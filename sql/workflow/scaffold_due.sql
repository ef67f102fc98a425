-- Purpose: the trigger of a workflow that `dg scaffold` wrote; nothing is due until yours stands there.
-- Parameters: now, lead_s
-- Grain: one row a key that is due; the first column is the key.
select
    ''::text as item_id,
    ''::text as title
where false
