-- push_after_each: steps after a delivered item that are still to be done. Grain: one row a delivery, by its
-- key; a step that is done takes its row away, in one transaction with it where it is SQL. It keeps what was
-- delivered, because the customer's row in push_deliveries may hold the next payload already. id tells the
-- order of the deliveries. error says why the last try failed and never quotes a value.
create table push_after_each (
    id bigint generated always as identity primary key,
    target text not null,
    customer_id text not null,
    idempotency_key text not null,
    payload json not null,
    status_code integer,
    push_id bigint not null,
    error text,

    unique (target, idempotency_key)
);

insert into push_after_each (target, customer_id, idempotency_key, payload, status_code, push_id, error)
select
    target,
    customer_id,
    idempotency_key,
    payload,
    last_status_code,
    push_id,
    after_each_error
from push_deliveries
where
    after_each_due
    and after_each_done_at is null
order by finished_at, position;

alter table push_deliveries
drop column after_each_due,
drop column after_each_done_at,
drop column after_each_error;
