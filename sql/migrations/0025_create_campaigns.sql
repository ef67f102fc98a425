-- campaigns: what is launched and closed by itself. Grain: one row a campaign; key campaign_id. A campaign is
-- written as draft or scheduled by whoever plans it; the workflows' SQL moves it on: launching, live, failed,
-- closing, closed. paused is a kill switch; set back to scheduled it resumes. audience names a file in
-- sql/campaigns/audiences/ that returns customer_id. banner and message go to the CMS and to the notification
-- service as they are. attempts counts launches; failure is `step: reason` of the last attempt, and with
-- next_attempt_at it is tried again. Rules: docs/campaigns.md.
create table campaigns (
    campaign_id text primary key check (campaign_id ~ '\S'),
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    status text not null default 'draft' check (
        status in ('draft', 'scheduled', 'launching', 'live', 'failed', 'paused', 'closing', 'closed')
    ),
    audience text not null default 'all_customers' check (audience ~ '^[a-z0-9_]+$'),
    banner jsonb not null default '{}',
    message jsonb not null default '{}',
    published_at timestamptz,
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    failure text,
    check (ends_at > starts_at)
);

create index campaigns_open_idx on campaigns (starts_at) where status in ('scheduled', 'failed');
create index campaigns_ending_idx on campaigns (ends_at)
where status in ('live', 'paused', 'failed', 'closing');
