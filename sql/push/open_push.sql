-- Purpose: record that a push has begun.
-- Parameters: push_id, target, kind, run_id, round_id, started_at
-- Grain: one row a push. Rerun: a second row would be a second push; ids are never reused.
insert into push_logs (push_id, target, kind, status, run_id, round_id, started_at)
values (%(push_id)s, %(target)s, %(kind)s, 'running', %(run_id)s, %(round_id)s, %(started_at)s)
