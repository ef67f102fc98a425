-- Purpose: find out whether it is still this run's turn, and keep it so until the transaction ends.
-- Parameters: $1 source, $2 run_id (numbered, because the bulk load's driver knows no names)
-- Grain: one row while it is, none once another run has taken over.
select 1 as is_ours
from sync_turns
where
    source = $1
    and run_id = $2
for share
