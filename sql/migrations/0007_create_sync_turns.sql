-- sync_turns: which run's turn it is to write for a source. Grain: one row a source; key source. The run that
-- takes the source's lock writes its id here; a run that lost the lock with its connection, and works on
-- without knowing, finds another id before each commit and may not write any more.
create table sync_turns (
    source text primary key,
    run_id text not null,
    taken_at timestamptz not null default now()
);
