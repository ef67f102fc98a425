-- suppressed: a customer who was selected and is not sent to any more when the turn comes; last_error says
-- why. Only a push that is asked about each customer (a workflow's bulk send) has any. It is one more end in
-- the sum of push_logs: selected = delivered + already_delivered + suppressed + dead + in_doubt + planned.
alter table push_deliveries drop constraint push_deliveries_status_check;
alter table push_deliveries add constraint push_deliveries_status_check check (
    status in ('planned', 'sending', 'delivered', 'suppressed', 'dead', 'in_doubt')
);
alter table push_logs add column suppressed bigint not null default 0;
