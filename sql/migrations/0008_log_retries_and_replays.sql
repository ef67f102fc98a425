-- sync_logs: a retry and a replay write their account too, as rows of these types; the same records are also
-- moved in the account of the sync that had queued or quarantined them. retry_of is the sync whose pages or
-- batch a retry redid.
alter table sync_logs drop constraint sync_logs_sync_type_check;
alter table sync_logs add constraint sync_logs_sync_type_check check (
    sync_type in ('incremental', 'window', 'full', 'retry', 'replay')
);
alter table sync_logs add column retry_of bigint;
