-- Purpose: read the values that a key's steps see beside the defaults.
-- Parameters: workflow, key
-- Grain: one row a (name, origin), the origin that wins last. Rerun: reads again.
select
    name,
    origin,
    value
from workflow_variables
where
    workflow = %(workflow)s
    and key = %(key)s
order by array_position(array['row', 'schedule', 'launch', 'step'], origin), name
