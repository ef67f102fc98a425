-- Purpose: a step of a workflow that `dg scaffold` wrote, until yours stands in its place.
-- Parameters: item_id
-- Grain: one row.
select length(%(item_id)s) as id_length
