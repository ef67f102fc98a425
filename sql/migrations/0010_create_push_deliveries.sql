-- push_deliveries: what each receiver has of each customer. Grain: one row a (target, customer_id), the
-- latest payload. payload is the body as it is sent, byte for byte (json keeps its text, jsonb would not);
-- request holds the parts of the request that differ from customer to customer beside it, or null. A row is
-- planned, then sending (the intent, committed before the request), then delivered, dead or in_doubt; a
-- `sending` that is found later is in doubt. generation goes up with each change after an attempt, so that
-- A, B, A are three deliveries; idempotency_key = sha256(target, customer_id, payload_hash, generation).
-- delivered_hash is the payload that the receiver took last; doubts counts attempts since then whose end
-- is unknown. push_id is the push that planned or sent the row last, round_id the round of `send: all`.
-- attempts counts requests of this payload, tries those of this push; claimed_from is what a sending row
-- was. errors never quote a value.
create table push_deliveries (
    target text not null,
    customer_id text not null,

    payload json not null,
    request json,
    payload_hash text not null,
    generation integer not null,
    idempotency_key text not null,

    status text not null check (status in ('planned', 'sending', 'delivered', 'dead', 'in_doubt')),
    attempts integer not null default 0,
    tries integer not null default 0,
    claimed_from text,
    last_status_code integer,
    last_error text,

    delivered_hash text,
    doubts integer not null default 0,

    push_id bigint not null,
    round_id bigint not null,
    position bigint not null,

    planned_at timestamptz not null default now(),
    intent_at timestamptz,
    next_attempt_at timestamptz,
    finished_at timestamptz,
    after_each_due boolean not null default false,
    after_each_done_at timestamptz,
    after_each_error text,

    primary key (target, customer_id)
);

create index push_deliveries_waiting_idx on push_deliveries (target, push_id, position)
where status in ('planned', 'in_doubt') and next_attempt_at is null;
create index push_deliveries_retry_idx on push_deliveries (target, push_id, next_attempt_at)
where status in ('planned', 'in_doubt') and next_attempt_at is not null;
create index push_deliveries_open_idx on push_deliveries (target, status)
where status in ('sending', 'dead', 'in_doubt');
create index push_deliveries_push_idx on push_deliveries (push_id);
create index push_deliveries_after_each_idx on push_deliveries (target)
where after_each_due and after_each_done_at is null;
