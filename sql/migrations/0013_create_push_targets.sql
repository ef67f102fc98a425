-- push_targets: who may send to a target, and when again. Grain: one row a target. push_id is the push that
-- took the target over last; any other one is a zombie and may not send. next_send_at, by this server's
-- clock, keeps the pace across restarts. is_open: the push has not told its end.
create table push_targets (
    target text primary key,
    push_id bigint not null,
    is_open boolean not null,
    last_sent_at timestamptz,
    next_send_at timestamptz
);
