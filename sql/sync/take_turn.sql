-- Purpose: make it this run's turn to write for a source; call it with the source's lock held.
-- Parameters: source, run_id
-- Grain: the source's row. Waits for a commit that is under way. Rerun: the same.
insert into sync_turns (source, run_id)
values (%(source)s, %(run_id)s)
on conflict (source) do update set
    run_id = excluded.run_id,
    taken_at = now()
