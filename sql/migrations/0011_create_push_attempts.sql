-- push_attempts: the history of push_deliveries. Grain: one row a request that was begun, with what became
-- of it; key id. outcome is delivered, refused, retry, slow_down, unauthorized, unreachable or in_doubt.
-- error never quotes a value.
create table push_attempts (
    id bigint generated always as identity primary key,
    target text not null,
    customer_id text not null,
    push_id bigint not null,
    generation integer not null,
    idempotency_key text not null,
    outcome text not null,
    status_code integer,
    error text,
    sent_at timestamptz not null,
    seconds double precision
);

create index push_attempts_customer_idx on push_attempts (target, customer_id);
