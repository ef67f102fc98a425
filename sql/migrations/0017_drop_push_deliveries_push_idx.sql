-- A push is counted once, at its end, by reading its target's rows; each item paid for this index twice, and
-- on a table that has just grown the planner took it for the way to single rows.
drop index push_deliveries_push_idx;
