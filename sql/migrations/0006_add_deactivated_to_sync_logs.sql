-- sync_logs.deactivated: known rows that a proven full sync did not bring and that were set as gone
-- (on_missing: deactivate). Beside the account's sum: they are rows of the table, not records that were seen.
alter table sync_logs add column deactivated bigint not null default 0;
