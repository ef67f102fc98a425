-- Purpose: the tables of this example; run it once, with psql.
-- Grain: invoices: one row an invoice. letters: one row a letter that has to be printed.
create table invoices (
    invoice_id text primary key,
    customer_id text not null,
    amount numeric(12, 2) not null,
    due_on date not null,
    paid_at timestamptz,
    reminded_at timestamptz,
    reminded_by text
);

create table letters (
    invoice_id text primary key,
    amount_due numeric(12, 2) not null,
    written_at timestamptz not null default now()
);
