-- Purpose: tell whether a run has rows in the log.
-- Parameters: source, run_id
-- Grain: one row: syncs, how many.
select count(*) as syncs
from sync_logs
where
    source = %(source)s
    and coalesce(adopted_by, run_id) = %(run_id)s
